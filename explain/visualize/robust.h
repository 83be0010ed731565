#pragma once

#include <cstdint>
#include <vector>

#include "runtime/tensor.h"

namespace cutaway::explain {

/// What transformation robustness does to a picture before the net sees it (Olah et al. 2017).
struct RobustOptions {
  bool enabled{true};
  std::int64_t pad{12};
  float pad_value{0.5f};
  std::int64_t jitter{8};  ///< rows and columns that the first random crop loses
  std::vector<double> scales{0.90, 0.92, 0.94, 0.96, 0.98, 1.00, 1.02, 1.04, 1.06, 1.08, 1.10};
  std::vector<double> angles{-10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2,
                             3,   4,  5,  6,  7,  8,  9,  10, 0,  0,  0, 0, 0};
  std::int64_t last_jitter{4};  ///< of the second crop
};

/// One drawing of it: pad -> crop -> scale -> rotate -> crop, with the adjoint of the whole.
class RobustTransform {
 public:
  /// `step` and `seed` decide; `h` and `w` are the picture's.
  RobustTransform(const RobustOptions& options,
                  std::int64_t h,
                  std::int64_t w,
                  std::uint64_t seed,
                  std::uint64_t step);
  [[nodiscard]] Tensor forward(const Tensor& x) const;
  [[nodiscard]] Tensor adjoint(const Tensor& dy) const;

 private:
  RobustOptions o_;
  std::int64_t h_, w_, crop_h_, crop_w_, top_, left_, scaled_h_, scaled_w_, last_h_, last_w_,
      last_top_, last_left_;
  double angle_;
};

}  // namespace cutaway::explain
