#pragma once

#include <cstdint>
#include <vector>

namespace cutaway::weights {

/// The windows of an average pooling along one axis, as any framework may lay them: padding that
/// differs between the sides, rounding up, and means over the picture's own values or with the
/// padding. AveragePool behind a padding does the same, times a number for every place.
struct PooledAxis {
  std::int64_t before{0}, behind{0};   ///< zeros to add on each side; behind < 0: rows to leave out
  std::vector<std::int64_t> divisors;  ///< a window: how many values its mean is of
};

/// `outputs` windows that begin at -before, stride - before, ... of an axis of `extent` values with
/// `before` and `behind` zeros around it. `counts`: the zeros count in the mean, but not what lies
/// behind them.
[[nodiscard]] PooledAxis pooled_axis(std::int64_t extent,
                                     std::int64_t kernel,
                                     std::int64_t stride,
                                     std::int64_t before,
                                     std::int64_t behind,
                                     std::int64_t outputs,
                                     bool counts);

/// What the means over whole windows, outputs of rows by outputs of columns, are to be multiplied
/// by; empty when by 1 everywhere.
[[nodiscard]] std::vector<float> mean_corrections(const PooledAxis& rows,
                                                  const PooledAxis& columns,
                                                  std::int64_t kernel_h,
                                                  std::int64_t kernel_w);

}  // namespace cutaway::weights
