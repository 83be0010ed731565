#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/localization/box.h"
#include "explain/localization/byte_map.h"

namespace cutaway::explain {

/// The pixels of inclusive boxes; what lies outside the picture is cut off.
[[nodiscard]] ByteMap mask_of(std::span<const Box> boxes, int height, int width);

/// The pointing game (Zhang et al. 2016, section 4.1): whether the first maximum of the map, in
/// row-major order, lies less than `tolerance` pixels from a pixel of the class's region (not zero
/// in `region`). The paper's tolerance is 15; a distance of exactly that misses. NaN counts as the
/// maximum. A map that is constant points nowhere and misses. Throws kShape when map and region
/// differ in size.
[[nodiscard]] bool points_at(const Map& map, const ByteMap& region, double tolerance = 15.0);

/// The share of the map's positive values that lies in the region (Wang et al. 2020, section 4.3,
/// the energy-based pointing game); 0 for a map that is nowhere positive.
[[nodiscard]] double energy_inside(const Map& map, const ByteMap& region);

/// Mean over classes of the mean within the class: the pointing game's accuracy. NaN without
/// values. Throws kShape when the numbers differ.
[[nodiscard]] double mean_of_class_means(std::span<const double> values,
                                         std::span<const std::int64_t> classes);

}  // namespace cutaway::explain
