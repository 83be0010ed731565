#include "explain/methods/ridge.h"

#include <cmath>

#include "kernels/vector_sums.h"

namespace cutaway::explain {
namespace {

/// Solves A x = b in place for a symmetric positive semidefinite A by the LDL' factorisation;
/// pivots that vanish against their diagonal leave their unknown at 0.
std::vector<double> solve(std::vector<double> a, std::vector<double> b) {
  const std::size_t n = b.size();
  std::vector<double> d(n);
  for (std::size_t j = 0; j < n; ++j) {
    const double whole = a[j * n + j];
    double pivot = whole;
    for (std::size_t k = 0; k < j; ++k) pivot -= a[j * n + k] * a[j * n + k] * d[k];
    d[j] = pivot > 1e-12 * whole ? pivot : 0.0;
    for (std::size_t i = j + 1; i < n; ++i) {
      double value = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) value -= a[i * n + k] * a[j * n + k] * d[k];
      a[i * n + j] = d[j] > 0.0 ? value / d[j] : 0.0;
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
  }
  for (std::size_t i = 0; i < n; ++i) b[i] = d[i] > 0.0 ? b[i] / d[i] : 0.0;
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
  }
  return b;
}

}  // namespace

LinearFit ridge(std::span<const double> z,
                std::size_t features,
                std::span<const double> y,
                std::span<const double> w,
                double alpha) {
  // Centring by the weighted means takes the intercept out of the penalty.
  double total = 0.0;
  double mean_y = 0.0;
  std::vector<double> mean(features);
  for (std::size_t i = 0; i < y.size(); ++i) {
    total += w[i];
    mean_y += w[i] * y[i];
    for (std::size_t j = 0; j < features; ++j) mean[j] += w[i] * z[i * features + j];
  }
  if (!(total > 0.0)) return {0.0, std::vector<double>(features)};
  mean_y /= total;
  for (double& m : mean) m /= total;
  std::vector<double> gram(features * features), right(features), row(features);
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (std::size_t j = 0; j < features; ++j) row[j] = z[i * features + j] - mean[j];
    for (std::size_t j = 0; j < features; ++j) {
      right[j] += w[i] * row[j] * (y[i] - mean_y);
      kernels::add_scaled(std::span<const double>(row).first(j + 1), w[i] * row[j],
                          gram.data() + j * features);
    }
  }
  for (std::size_t j = 0; j < features; ++j) gram[j * features + j] += alpha;
  LinearFit fit{mean_y, solve(std::move(gram), std::move(right))};
  for (std::size_t j = 0; j < features; ++j) fit.intercept -= fit.coefficients[j] * mean[j];
  return fit;
}

}  // namespace cutaway::explain
