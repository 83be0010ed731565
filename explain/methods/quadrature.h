#pragma once

#include <string>
#include <vector>

namespace cutaway::explain {

/// Points t in [0, 1] and weights for the integral of f(t): sum of weight_i f(t_i).
struct Quadrature {
  std::vector<double> points, weights;
};

/// `rule` is midpoint, gauss_legendre, trapezoid, left or right; `steps` >= 1 (trapezoid: >= 2).
/// The trapezoid halves its end weights and divides by steps - 1, so it is exact for linear
/// integrands. Throws kUsage for another rule.
[[nodiscard]] Quadrature quadrature(const std::string& rule, int steps);

}  // namespace cutaway::explain
