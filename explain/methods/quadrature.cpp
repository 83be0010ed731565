#include "explain/methods/quadrature.h"

#include <cmath>
#include <numbers>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Legendre polynomial P_n and its derivative at x, by the three-term recurrence.
struct Legendre {
  double value, slope;
};
Legendre legendre(int n, double x) {
  double before = 1.0;
  double p = x;
  for (int k = 2; k <= n; ++k) {
    const double next = ((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k;
    before = p;
    p = next;
  }
  if (n == 0) return {1.0, 0.0};
  return {p, n * (x * p - before) / (x * x - 1.0)};
}

/// Roots by Newton's method from the usual cosine start (Press et al., Numerical Recipes, 4.6).
Quadrature gauss_legendre(int n) {
  Quadrature q;
  for (int i = n - 1; i >= 0; --i) {
    double x = n == 1 ? 0.0 : std::cos(std::numbers::pi * (i + 0.75) / (n + 0.5));
    for (int round = 0; round < 100; ++round) {
      const Legendre p = legendre(n, x);
      const double step = p.value / p.slope;
      x -= step;
      if (std::abs(step) < 1e-15) break;
    }
    const double slope = legendre(n, x).slope;
    q.points.push_back(0.5 * (x + 1.0));
    q.weights.push_back(1.0 / ((1.0 - x * x) * slope * slope));
  }
  return q;
}

Quadrature even(int steps, double first, double stride) {
  Quadrature q;
  for (int i = 0; i < steps; ++i) {
    q.points.push_back(first + stride * i);
    q.weights.push_back(1.0 / steps);
  }
  return q;
}

}  // namespace

Quadrature quadrature(const std::string& rule, int steps) {
  if (steps < 1 || (rule == "trapezoid" && steps < 2)) {
    throw Error(ErrorKind::kUsage, "steps of the path").expected("1 or more, 2 for the trapezoid");
  }
  if (rule == "midpoint") return even(steps, 0.5 / steps, 1.0 / steps);
  if (rule == "left") return even(steps, 0.0, 1.0 / steps);
  if (rule == "right") return even(steps, 1.0 / steps, 1.0 / steps);
  if (rule == "gauss_legendre") return gauss_legendre(steps);
  if (rule != "trapezoid") {
    throw Error(ErrorKind::kUsage, "rule of the path integral")
        .expected("midpoint, gauss_legendre, trapezoid, left or right")
        .got(rule);
  }
  Quadrature q = even(steps, 0.0, 1.0 / (steps - 1));
  for (double& w : q.weights) w = 1.0 / (steps - 1);
  q.weights.front() *= 0.5;
  q.weights.back() *= 0.5;
  return q;
}

}  // namespace cutaway::explain
