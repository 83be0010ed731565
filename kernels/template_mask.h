#pragma once

#include "kernels/run.h"
#include "runtime/layout.h"

namespace cutaway::kernels {

/// The value at (h, w) of the template around position (row, column) of the interpretable CNN
/// (Zhang et al. 2018, section 3), without its factor tau: max(1 - beta * (|h - row| + |w -
/// column|) / n, -1), n = max(rows, columns).
[[nodiscard]] CUTAWAY_HD constexpr float template_value(
    std::int64_t h, std::int64_t w, std::int64_t row, std::int64_t column, float beta_by_n) {
  const std::int64_t dh = h < row ? row - h : h - row;
  const std::int64_t dw = w < column ? column - w : w - column;
  const float value = 1.0f - beta_by_n * static_cast<float>(dh + dw);
  return value < -1.0f ? -1.0f : value;
}

/// y = max(x * T, 0), T the template around pick (n x c x 1 x 1, flat positions; y's block size):
/// what lies far from a map's strongest position goes. NaN stays NaN where T is not negative.
struct TemplateMask {
  View<const float> x;
  View<const std::int32_t> pick;
  View<float> y;
  float beta;
};
CUTAWAY_KERNEL(TemplateMask);

/// dx = dy * T where y > 0, else 0: the position of the template counts as constant.
struct TemplateMaskBackward {
  View<const float> y, dy;
  View<const std::int32_t> pick;
  View<float> dx;
  float beta;
};
CUTAWAY_KERNEL(TemplateMaskBackward);

}  // namespace cutaway::kernels
