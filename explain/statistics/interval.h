#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace cutaway::explain {

/// A number with its 95 % confidence interval; low and high are NaN where none is known.
struct Interval {
  double value{0};
  double low{std::numeric_limits<double>::quiet_NaN()};
  double high{std::numeric_limits<double>::quiet_NaN()};
  std::int64_t count{0};  ///< of the values that it is a mean of; 0: not told

  [[nodiscard]] bool known() const { return !std::isnan(low) && !std::isnan(high); }
};

/// "0.8123 [0.79, 0.83]", "0.8123" without an interval, "-" for NaN: for people.
[[nodiscard]] std::string interval_text(const Interval& interval);

/// Of a share of hits among `trials` independent trials (Wilson 1927), for a two-sided quantile z:
/// inside of 0 to 1, and of some width where all or none hit. `trials` need not be whole: a share
/// with another variance than the binomial counts as share (1 - share) / variance trials (Korn &
/// Graubard 1998).
[[nodiscard]] Interval wilson_interval(double share, double trials, double z);

}  // namespace cutaway::explain
