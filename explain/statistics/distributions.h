#pragma once

#include <cstdint>

namespace cutaway::explain {

/// P(Z > z) of a standard normal variable.
[[nodiscard]] double normal_tail(double z);
/// The z with normal_tail(z) = tail, tail in (0, 0.5].
[[nodiscard]] double normal_quantile(double tail);

/// P(T > t) of Student's distribution, t >= 0, degrees >= 1 (Abramowitz & Stegun 26.7.3-4).
[[nodiscard]] double student_tail(double t, std::int64_t degrees);
/// The t with student_tail(t, degrees) = tail, tail in (0, 0.5].
[[nodiscard]] double student_quantile(double tail, std::int64_t degrees);

}  // namespace cutaway::explain
