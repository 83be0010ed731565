#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tensor.h"

namespace cutaway::explain {

/// Maps that know no network: what a method must beat.
enum class Baseline : std::uint8_t {
  kRandom,  ///< even random numbers, other ones for every picture number
  kCenter,  ///< exp(-((x - cx)^2 / (w/4)^2 + (y - cy)^2 / (h/4)^2) / 2): objects stand in the middle
  kSobel,   ///< length of the Sobel gradient of the mean over channels, borders repeated
  kInput    ///< sum over channels of the input's absolute values: what x in gradient x input gives
};
/// "random", "center", "sobel", "input".
[[nodiscard]] const char* to_string(Baseline baseline);
[[nodiscard]] std::vector<std::string> baseline_names();
/// Throws kUsage for another name.
[[nodiscard]] Baseline find_baseline(std::string_view name);

/// The map of a picture (1 x c x h x w): 1 x 1 x h x w.
[[nodiscard]] Tensor baseline_map(Baseline baseline,
                                  const Tensor& picture,
                                  std::uint64_t seed,
                                  std::uint64_t number);

}  // namespace cutaway::explain
