#include <cmath>
#include <string>

#include "explain/compare/distance.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// K = X X^T with centred columns: n x n whatever the number of features. Centring the columns of X
/// is centring K on both sides (Kornblith et al. 2019, section 3).
struct Centered {
  std::vector<double> values;
  double norm{0.0};
};

Centered centered_kernel(const FeatureMatrix& x, int threads) {
  // Subtracting the means first keeps small differences of large features.
  FeatureMatrix moved = x;
  const auto rows = static_cast<double>(x.rows);
  for (std::int64_t j = 0; j < x.columns; ++j) {
    const auto column = static_cast<std::size_t>(j);
    double mean = 0.0;
    for (std::int64_t i = 0; i < x.rows; ++i) mean += static_cast<double>(x.row(i)[column]);
    mean /= rows;
    for (std::int64_t i = 0; i < x.rows; ++i) {
      moved.row(i)[column] = static_cast<float>(static_cast<double>(x.row(i)[column]) - mean);
    }
  }
  Centered k{inner_products(moved, moved, threads), 0.0};
  // What rounding to float left of the means.
  const auto n = static_cast<std::size_t>(x.rows);
  std::vector<double> means(n);
  double all = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) means[i] += k.values[i * n + j] / rows;
    all += means[i] / rows;
  }
  double square = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double& v = k.values[i * n + j];
      v += all - means[i] - means[j];
      square += v * v;
    }
  }
  k.norm = std::sqrt(square);
  return k;
}

double alignment(const Centered& a, const Centered& b) {
  if (!(a.norm > 0.0 && b.norm > 0.0)) return 0.0;
  double inner = 0.0;
  for (std::size_t i = 0; i < a.values.size(); ++i) inner += a.values[i] * b.values[i];
  return inner / (a.norm * b.norm);
}

void check_rows(const FeatureMatrix& x, const FeatureMatrix& y) {
  validate(x, "features");
  validate(y, "features");
  if (x.rows == y.rows && x.rows >= 2) return;
  throw Error(ErrorKind::kShape, "CKA compares features of the same pictures")
      .expected("equally many rows, at least 2")
      .got(std::to_string(x.rows) + " and " + std::to_string(y.rows));
}

}  // namespace

double linear_cka(const FeatureMatrix& x, const FeatureMatrix& y, int threads) {
  check_rows(x, y);
  return alignment(centered_kernel(x, threads), centered_kernel(y, threads));
}

std::vector<double> linear_cka_matrix(std::span<const FeatureMatrix* const> x,
                                      std::span<const FeatureMatrix* const> y,
                                      int threads,
                                      Observer& observer) {
  for (const FeatureMatrix* a : x) {
    for (const FeatureMatrix* b : y) check_rows(*a, *b);
  }
  std::vector<Centered> left, right;
  const auto total = static_cast<double>(x.size() + y.size());
  const auto add = [&](std::span<const FeatureMatrix* const> from, std::vector<Centered>& to) {
    for (const FeatureMatrix* f : from) {
      throw_if_cancelled(observer);
      to.push_back(centered_kernel(*f, threads));
      observer.progress("CKA", static_cast<double>(left.size() + right.size()), total);
    }
  };
  add(x, left);
  add(y, right);
  std::vector<double> values;
  for (const Centered& a : left) {
    for (const Centered& b : right) values.push_back(alignment(a, b));
  }
  return values;
}

}  // namespace cutaway::explain
