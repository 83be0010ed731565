#include "explain/compare/feature_matrix.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <new>
#include <string>

#include "runtime/error.h"
#include "runtime/parallel.h"

namespace cutaway::explain {
namespace {

using Block = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Extents of the blocks that one product works on. They are fixed, so that every sum is formed in
// the same order whatever the number of threads; a block of doubles stays within a core's cache.
constexpr std::int64_t kRows = 64;
constexpr std::int64_t kColumns = 1024;

void load(const FeatureMatrix& from,
          std::int64_t row,
          std::int64_t rows,
          std::int64_t column,
          std::int64_t columns,
          Block& to) {
  to.resize(rows, columns);
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto values = from.row(row + i).subspan(static_cast<std::size_t>(column));
    for (std::int64_t j = 0; j < columns; ++j) {
      to(i, j) = static_cast<double>(values[static_cast<std::size_t>(j)]);
    }
  }
}

}  // namespace

FeatureMatrix make_feature_matrix(std::int64_t rows, std::int64_t columns) {
  if (rows < 0 || columns < 0) {
    throw Error(ErrorKind::kShape, "features of several pictures")
        .expected("extents of 0 or more")
        .got(std::to_string(rows) + " x " + std::to_string(columns));
  }
  FeatureMatrix features{rows, columns, {}};
  try {
    features.values.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
  } catch (const std::exception&) {
    throw Error(ErrorKind::kMemory, "features of several pictures")
        .got(std::to_string(rows) + " pictures of " + std::to_string(columns) + " numbers")
        .hint("take fewer pictures, a deeper layer, or a pooled representation such as gap");
  }
  return features;
}

void validate(const FeatureMatrix& features, const char* what) {
  const bool whole =
      features.rows >= 1 && features.columns >= 1 &&
      static_cast<std::int64_t>(features.values.size()) == features.rows * features.columns;
  if (whole) return;
  throw Error(ErrorKind::kShape, what)
      .expected("at least one row and column, and as many values as they have entries")
      .got(std::to_string(features.rows) + " x " + std::to_string(features.columns) + " with " +
           std::to_string(features.values.size()) + " values");
}

void normalize_rows(FeatureMatrix& features) {
  for (std::int64_t i = 0; i < features.rows; ++i) {
    double square = 0.0;
    for (const float v : features.row(i)) square += static_cast<double>(v) * static_cast<double>(v);
    if (square == 0.0) continue;
    const double norm = std::sqrt(square);
    for (float& v : features.row(i)) v = static_cast<float>(static_cast<double>(v) / norm);
  }
}

std::vector<double> inner_products(const FeatureMatrix& a, const FeatureMatrix& b, int threads) {
  validate(a, "left features");
  validate(b, "right features");
  if (a.columns != b.columns) {
    throw Error(ErrorKind::kShape, "inner products of features of different sizes")
        .expected(std::to_string(a.columns))
        .got(std::to_string(b.columns));
  }
  std::vector<double> products(static_cast<std::size_t>(a.rows * b.rows));
  const std::int64_t down = (a.rows + kRows - 1) / kRows;
  const std::int64_t across = (b.rows + kRows - 1) / kRows;
  parallel_for(threads, down * across, 1, [&](std::int64_t from, std::int64_t to) {
    Block left, right, sum;
    for (std::int64_t tile = from; tile < to; ++tile) {
      const std::int64_t i = tile / across * kRows;
      const std::int64_t j = tile % across * kRows;
      const std::int64_t height = std::min(kRows, a.rows - i);
      const std::int64_t width = std::min(kRows, b.rows - j);
      sum = Block::Zero(height, width);
      for (std::int64_t k = 0; k < a.columns; k += kColumns) {
        const std::int64_t depth = std::min(kColumns, a.columns - k);
        load(a, i, height, k, depth, left);
        load(b, j, width, k, depth, right);
        sum.noalias() += left * right.transpose();
      }
      for (std::int64_t r = 0; r < height; ++r) {
        for (std::int64_t c = 0; c < width; ++c) {
          products[static_cast<std::size_t>((i + r) * b.rows + j + c)] = sum(r, c);
        }
      }
    }
  });
  return products;
}

}  // namespace cutaway::explain
