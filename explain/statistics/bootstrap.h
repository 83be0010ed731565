#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace cutaway::explain {

/// A number with its 95 % interval (percentiles of bootstrap samples over the pictures).
struct Interval {
  double value{0}, low{0}, high{0};
};

/// How often each of `images` pictures stands in bootstrap sample k; sample 0 is the data itself.
[[nodiscard]] std::vector<int> resample(std::int64_t images, std::int64_t k, std::uint64_t seed);
/// values[0] with the 2.5 and 97.5 percentiles of the rest; NaN is left out.
[[nodiscard]] Interval interval_of(std::span<const double> values);

}  // namespace cutaway::explain
