#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cutaway::explain {

/// Feature vectors of several pictures: one row a picture, row-major, no gaps.
/// Invariant: values.size() = rows * columns.
struct FeatureMatrix {
  std::int64_t rows{0}, columns{0};
  std::vector<float> values;

  [[nodiscard]] std::span<const float> row(std::int64_t i) const {
    const auto size = static_cast<std::size_t>(columns);
    return std::span(values).subspan(static_cast<std::size_t>(i) * size, size);
  }
  [[nodiscard]] std::span<float> row(std::int64_t i) {
    const auto size = static_cast<std::size_t>(columns);
    return std::span(values).subspan(static_cast<std::size_t>(i) * size, size);
  }
};

/// rows x columns zeros. Throws kShape when an extent is negative, kMemory when they do not fit.
[[nodiscard]] FeatureMatrix make_feature_matrix(std::int64_t rows, std::int64_t columns);
/// Throws kShape, naming `what`, unless the invariant holds and both extents are at least 1.
void validate(const FeatureMatrix& features, const char* what);
/// Divides every row by its Euclidean norm; a row of zeros stays as it is.
void normalize_rows(FeatureMatrix& features);

/// a b^T: the inner product of every row of `a` with every row of `b`, a.rows x b.rows, row-major,
/// summed in double precision. The result does not depend on the number of threads. Throws kShape
/// when the numbers of columns differ.
[[nodiscard]] std::vector<double> inner_products(const FeatureMatrix& a,
                                                 const FeatureMatrix& b,
                                                 int threads);

}  // namespace cutaway::explain
