#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/statistics/mean_interval.h"

namespace cutaway::explain {

/// Whether method A does better than B on the same pictures.
struct PairedComparison {
  std::int64_t better{0}, worse{0}, equal{0};  ///< pictures
  double share{0};      ///< better among better and worse; 0.5 where there are neither
  Interval difference;  ///< of a - b
  double sign_p{1};     ///< two-sided exact sign test
  double wilcoxon_p{
      1};  ///< two-sided signed-rank test, normal approximation with ties, zeros left out
};
/// `higher_is_better`: how the metric is read. Pictures where one is NaN are left out. Throws
/// kShape when the numbers of values differ.
[[nodiscard]] PairedComparison compare_paired(std::span<const double> a,
                                              std::span<const double> b,
                                              bool higher_is_better,
                                              const BootstrapOptions& options = {});

/// Holm's correction (1979) of the p values of several comparisons: a method that is compared with
/// nine others wins one of them by chance.
[[nodiscard]] std::vector<double> holm_adjusted(std::span<const double> p);

/// Values of one metric: a row a method, a column a picture.
struct MetricTable {
  std::vector<std::vector<double>> values;
  bool higher_is_better{true};
};
/// Ranks of the methods by their means, 1 the best; equal means share a rank's mean.
[[nodiscard]] std::vector<double> rank_methods(const MetricTable& table);
/// The pictures on which the methods differ most (standard deviation over the methods), at most
/// `count`, the first on ties.
[[nodiscard]] std::vector<std::int64_t> most_disputed(const MetricTable& table, std::int64_t count);

}  // namespace cutaway::explain
