#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cutaway::explain {

/// A mean over pictures with its confidence interval.
struct MeanInterval {
  double mean{0}, low{0}, high{0};
  std::int64_t count{0};
};

struct BootstrapOptions {
  double level{0.95};
  std::int64_t resamples{2000};
  std::uint64_t seed{0};
};

/// The mean of `values` with a bootstrap-t interval (Efron & Tibshirani 1993, section 12.5):
/// pictures are drawn with replacement, and quantiles of (mean* - mean) / error* take the place of
/// the normal ones. Resamples without spread are left out. Shares (only zeros and ones) get
/// Wilson's score interval, since a resample of a share near 0 or 1 has no spread. NaN values are
/// left out. With fewer than two values, or where all are equal, the interval is the mean. Throws
/// kUsage for a level outside (0, 1) or fewer than 100 resamples.
[[nodiscard]] MeanInterval mean_interval(std::span<const double> values,
                                         const BootstrapOptions& options = {});

/// Whether method A does better than B on the same pictures.
struct PairedComparison {
  std::int64_t better{0}, worse{0}, equal{0};  ///< pictures
  double share{0};          ///< better among better and worse; 0.5 where there are neither
  MeanInterval difference;  ///< of a - b
  double sign_p{1};         ///< two-sided exact sign test
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
