#pragma once

#include <cstdint>
#include <span>

#include "explain/statistics/interval.h"

namespace cutaway::explain {

struct BootstrapOptions {
  double level{0.95};
  std::int64_t resamples{2000};  ///< 0: no interval
  std::uint64_t seed{0};
  /// Values that are all 0 or 1 are misses and hits. False: they are numbers like others, such as
  /// correlations that happen to be 1.
  bool shares{true};
};

/// The mean of `values` with a bootstrap-t interval (Efron & Tibshirani 1993, section 12.5):
/// pictures are drawn with replacement, and quantiles of (mean* - mean) / error* take the place of
/// the normal ones. Resamples without spread are left out. Shares (only zeros and ones) get
/// Wilson's score interval, since a resample of a share near 0 or 1 has no spread. NaN values are
/// left out. Fewer than ten values, of which there are too few resamples, get Student's interval, which
/// is exact for normal values. With fewer than two values no interval is known; where all are equal
/// it is the mean.
/// Throws kUsage for a level outside (0, 1) or 1 to 99 resamples.
[[nodiscard]] Interval mean_interval(std::span<const double> values,
                                     const BootstrapOptions& options = {});

}  // namespace cutaway::explain
