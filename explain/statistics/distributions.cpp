#include "explain/statistics/distributions.h"

#include <cmath>

namespace cutaway::explain {
namespace {

/// The x >= 0 with tail_of(x) = tail, by bisection: called once an interval.
template <class Tail>
double solve(double tail, double most, const Tail& tail_of) {
  double low = 0.0, high = most;
  for (int k = 0; k < 200; ++k) {
    const double middle = 0.5 * (low + high);
    (tail_of(middle) > tail ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace

double normal_tail(double z) { return 0.5 * std::erfc(z / std::sqrt(2.0)); }

double normal_quantile(double tail) { return solve(tail, 40.0, normal_tail); }

double student_tail(double t, std::int64_t degrees) {
  // From here on the series is long, and the normal distribution the same to 1e-5.
  if (degrees > 20000) return normal_tail(t);
  const double angle = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double cosine = std::cos(angle), square = cosine * cosine;
  const bool odd = degrees % 2 == 1;
  double term = odd ? cosine : 1.0, sum = degrees == 1 ? 0.0 : term;
  for (std::int64_t k = odd ? 3 : 2; k < degrees - 1; k += 2) {
    term *= square * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  sum *= std::sin(angle);
  const double within = odd ? 2.0 / std::acos(-1.0) * (angle + sum) : sum;
  return 0.5 * (1.0 - within);
}

double student_quantile(double tail, std::int64_t degrees) {
  return solve(tail, 1e4, [&](double t) { return student_tail(t, degrees); });
}

}  // namespace cutaway::explain
