#pragma once

#include <span>
#include <vector>

namespace cutaway::explain {

/// A linear model y = intercept + coefficients . z.
struct LinearFit {
  double intercept{0.0};
  std::vector<double> coefficients;
};

/// Weighted ridge regression with a free intercept: minimises sum of w_i (y_i - b - c . z_i)^2 +
/// alpha |c|^2. `z` holds a row of `features` values for every y. Directions no sample determines
/// get coefficient 0 (alpha = 0) or what alpha says.
[[nodiscard]] LinearFit ridge(std::span<const double> z,
                              std::size_t features,
                              std::span<const double> y,
                              std::span<const double> w,
                              double alpha);

}  // namespace cutaway::explain
