#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "explain/localization/box.h"

namespace cutaway::explain {

/// MaxBoxAcc and MaxBoxAccV2 (Choe et al. 2020, as their code does it): how well boxes around
/// thresholded maps fit, at the best threshold of the evaluated pictures.
///
/// What one picture contributes: for every grey level T, whether a box of {grey > T} overlaps a
/// true one enough.
struct BoxHits {
  static constexpr std::array<double, 3> kOverlaps{0.3, 0.5, 0.7};
  /// Bit 0: the largest contour at 0.5 (V1). Bits 1 to 3: any contour at each of kOverlaps (V2).
  std::array<std::uint8_t, 256> at{};
  std::uint8_t most{0};  ///< the map's greatest grey level: 255, or 0 where it is constant
};

/// Inclusive boxes with fractions, as annotations have them.
struct RealBox {
  double x1{0}, y1{0}, x2{0}, y2{0};
};

/// The true box in a side x side picture: scaled and truncated to whole numbers, as the published
/// code does.
[[nodiscard]] Box scaled_truth(const RealBox& box, double width, double height, int side);

/// The picture's hits. The map is resized to side x side (Resample::kCubic075), brought to 0..1,
/// and cut to 256 levels. `truth` is in the side x side picture. Boxes have their right and lower
/// corner one pixel beyond the contour, up to the border: the published code takes an exclusive
/// corner for an inclusive one.
[[nodiscard]] BoxHits box_hits(const Map& map, std::span<const Box> truth, int side = 224);

struct MaxBoxAcc {
  double v1{0}, v1_threshold{0};  ///< and the threshold it is reached at
  double v2{0};                   ///< mean of the three maxima
  std::array<double, 3> v2_at{};  ///< at kOverlaps
  std::vector<double> curve;      ///< V1 at every threshold
};

/// Over all pictures, thresholds 0, step, 2 step ... below 1. `counts`, how often each picture
/// counts, may be empty: once. Throws kUsage on a step outside (0, 1], kShape
/// when counts do not fit.
[[nodiscard]] MaxBoxAcc max_box_acc(std::span<const BoxHits> hits,
                                    double step = 0.001,
                                    std::span<const int> counts = {});

}  // namespace cutaway::explain
