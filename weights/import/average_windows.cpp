#include "weights/import/average_windows.h"

#include <algorithm>

namespace cutaway::weights {

PooledAxis pooled_axis(std::int64_t extent,
                       std::int64_t kernel,
                       std::int64_t stride,
                       std::int64_t before,
                       std::int64_t behind,
                       std::int64_t outputs,
                       bool counts) {
  PooledAxis axis;
  axis.before = before;
  axis.behind = (outputs - 1) * stride + kernel - extent - before;
  const std::int64_t first = counts ? -before : 0, last = counts ? extent + behind : extent;
  for (std::int64_t i = 0; i < outputs; ++i) {
    const std::int64_t begin = i * stride - before;
    axis.divisors.push_back(std::min(begin + kernel, last) - std::max(begin, first));
  }
  return axis;
}

std::vector<float> mean_corrections(const PooledAxis& rows,
                                    const PooledAxis& columns,
                                    std::int64_t kernel_h,
                                    std::int64_t kernel_w) {
  std::vector<float> factors;
  bool all_one = true;
  for (const std::int64_t r : rows.divisors) {
    for (const std::int64_t c : columns.divisors) {
      const double values = static_cast<double>(r) * static_cast<double>(c);
      const double whole = static_cast<double>(kernel_h) * static_cast<double>(kernel_w);
      factors.push_back(static_cast<float>(whole / values));
      all_one = all_one && factors.back() == 1.0F;
    }
  }
  return all_one ? std::vector<float>{} : factors;
}

}  // namespace cutaway::weights
