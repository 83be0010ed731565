#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/statistics/interval.h"

namespace cutaway::explain {

/// Pictures in groups that are left out in turn. Unlike a bootstrap sample, what is left holds no
/// picture twice: a statistic of each node's best pictures would see copies of the same few, and
/// come out too small.
class LeftOut {
 public:
  /// At most `groups` groups of `pictures` pictures, one picture each where there are no more than
  /// groups, else at random, as even as possible. 0 groups: nothing is ever left out, and no
  /// interval is known.
  LeftOut(std::int64_t pictures, std::int64_t groups, std::uint64_t seed);

  [[nodiscard]] std::int64_t pictures() const { return static_cast<std::int64_t>(of_.size()); }
  [[nodiscard]] std::int64_t groups() const { return static_cast<std::int64_t>(sizes_.size()); }
  [[nodiscard]] std::int64_t size(std::int64_t group) const {
    return sizes_[static_cast<std::size_t>(group)];
  }
  /// 1 for pictures that stay when group k - 1 is left out, else 0; k = 0: all stay.
  [[nodiscard]] std::vector<int> kept(std::int64_t k) const;

 private:
  std::vector<std::int64_t> of_;     // group of each picture
  std::vector<std::int64_t> sizes_;  // pictures of each group
};

/// What is known of a statistic's values, so that its interval keeps to them.
enum class Range : std::uint8_t {
  kAny,
  kPositive,  ///< sizes and their ratios: symmetric in the logarithm
  kShare      ///< 0 to 1: Wilson's form with as many trials as fit the variance
};

/// A 95 % interval from the statistic on all pictures (values[0]) and without each group
/// (values[k]), by the jackknife over groups of unequal size (Busing, Meijer & van der Leeden 1999)
/// and Student's distribution. Unknown with fewer than two groups, or where a value is not finite.
/// Coverage is measured in the tests.
[[nodiscard]] Interval jackknife(std::span<const double> values,
                                 const LeftOut& left_out,
                                 Range range = Range::kAny);

/// The same for a statistic that is computed here: statistic(kept) for every vector of LeftOut.
template <class Statistic>
[[nodiscard]] Interval jackknife_of(const LeftOut& left_out, Range range, Statistic statistic) {
  std::vector<double> values;
  for (std::int64_t k = 0; k <= left_out.groups(); ++k) {
    values.push_back(statistic(left_out.kept(k)));
  }
  return jackknife(values, left_out, range);
}

}  // namespace cutaway::explain
