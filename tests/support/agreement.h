#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace cutaway::tests {

/// How well values agree with a reference, for CHECK(a.cosine >= ...) and CHECK(a.largest <= ...).
struct Agreement {
  double cosine;
  double largest;  ///< largest difference over the largest magnitude of the reference
};

/// NaN in both numbers, which fails every comparison, where there is nothing to compare: other
/// sizes, no values, NaN anywhere, or zeros everywhere on either side. A caller that expects a zero
/// map says so with is_zero(). The reference is multiplied by `scale`.
[[nodiscard]] inline Agreement agreement(std::span<const float> got,
                                         std::span<const float> want,
                                         double scale = 1.0) {
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  if (got.size() != want.size() || got.empty()) return {kNothing, kNothing};
  double gg = 0, ww = 0, gw = 0, worst = 0, most = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double g = static_cast<double>(got[i]);
    const double w = static_cast<double>(want[i]) * scale;
    gg += g * g;
    ww += w * w;
    gw += g * w;
    worst = !(std::abs(g - w) <= worst) ? std::abs(g - w) : worst;
    most = std::max(most, std::abs(w));
  }
  if (!(gg > 0.0) || !(ww > 0.0)) return {kNothing, kNothing};
  return {gw / std::sqrt(gg * ww), worst / most};
}

[[nodiscard]] inline bool is_zero(std::span<const float> values) {
  return std::ranges::all_of(values, [](float v) { return v == 0.0f; });
}

}  // namespace cutaway::tests
