#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tensor.h"

namespace cutaway::explain {

/// What removed pixels become. Rankings of methods depend on it, so results name it.
enum class FillKind : std::uint8_t {
  kZero,    ///< 0 of the network's input: the mean colour of its training data
  kBlur,    ///< the picture under blurred()
  kMean,    ///< the picture's own mean, channel by channel
  kColor,   ///< a colour given in numbers of the network's input
  kShuffle  ///< the picture's pixels in random order: its colours without its shapes
};
/// "zero", "blur", "mean", "color", "shuffle".
[[nodiscard]] const char* to_string(FillKind kind);
/// Throws kUsage for another name.
[[nodiscard]] FillKind find_fill(std::string_view name);

struct Fill {
  FillKind kind{FillKind::kZero};
  std::vector<float> color;  ///< of kColor: a value a channel
  std::uint64_t seed{0};     ///< of kShuffle
};
/// The picture (1 x c x h x w) that takes the place of removed pixels of `picture`. Throws kShape
/// when the colour does not have a value a channel.
[[nodiscard]] Tensor filled(const Tensor& picture, const Fill& fill);

/// One axis of the blur of RISE's insertion metric (Petsiuk et al. 2018, code): a unit impulse in
/// 11 samples under a Gaussian of sigma 5 whose tails are mirrored back into the 11 (half-sample
/// reflection), so that it sums to 1 and is nearly a box.
inline constexpr std::int64_t kBlurTaps = 11;
[[nodiscard]] std::array<double, kBlurTaps> blur_kernel();
/// Every channel convolved with blur_kernel() along both axes; zeros outside the picture.
[[nodiscard]] Tensor blurred(const Tensor& picture);

}  // namespace cutaway::explain
