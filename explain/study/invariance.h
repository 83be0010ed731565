#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <tuple>
#include <vector>

#include "explain/study/features.h"
#include "explain/study/warp.h"

namespace cutaway::explain {

/// How an image is changed (Zeiler & Fergus 2013, figure 5).
enum class Change : std::uint8_t { kShift, kScale, kRotation };

/// "shift", "scale", "rotation".
[[nodiscard]] const char* to_string(Change change);
/// The motion of a shift by `amount` pixels, a magnification by it, or a turn by it in degrees.
[[nodiscard]] Motion motion_of(Change change, double amount);

/// What one image's changes do.
struct InvarianceCurve {
  /// [layer][amount]: Euclidean, to the features of the image as it is.
  std::vector<std::vector<double>> distances;
  std::vector<double> probability;  ///< [amount]: of the class asked for
};
/// For explain/runs/step_value.h.
[[nodiscard]] inline auto members(InvarianceCurve& c) {
  return std::tie(c.distances, c.probability);
}
/// `features`: the layers to compare, and behind them the class scores. `watch`: called before
/// every forward pass.
[[nodiscard]] InvarianceCurve study_invariance(Features& features,
                                               const Tensor& image,
                                               std::int64_t target,
                                               Change change,
                                               std::span<const double> amounts,
                                               std::span<const float> fill,
                                               const std::function<void()>& watch = {});

}  // namespace cutaway::explain
