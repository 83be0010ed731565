#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/tensor.h"

namespace cutaway {

/// Row-major matrix of doubles.
struct Matrix {
  std::int64_t rows{0}, columns{0};
  std::vector<double> values{};

  Matrix() = default;
  Matrix(std::int64_t r, std::int64_t c)
      : rows(r), columns(c), values(static_cast<std::size_t>(r * c), 0.0) {}
  [[nodiscard]] double* row(std::int64_t r) { return values.data() + r * columns; }
  [[nodiscard]] const double* row(std::int64_t r) const { return values.data() + r * columns; }
  [[nodiscard]] double& at(std::int64_t r, std::int64_t c) { return row(r)[c]; }
  [[nodiscard]] double at(std::int64_t r, std::int64_t c) const { return row(r)[c]; }
};

/// How the maps A of an image become one vector v, for losses that compare images.
enum class EmbeddingKind : std::uint8_t {
  kFlat,   ///< v = vec(m A): every position of every map
  kPooled  ///< v_c = sum m A_c / (sum m + 1e-8): the mean of every map
};
/// "flat" or "pooled"; throws kInput for others.
[[nodiscard]] EmbeddingKind embedding_kind(std::string_view name);

/// The map from feature maps to vectors and back, with an optional mask m in [0, 1] a position,
/// which counts as constant. Sums are doubles in a fixed order: the same bits for any number of
/// threads.
class Embedding {
 public:
  Embedding(EmbeddingKind kind, bool unit, int threads)
      : kind_(kind), unit_(unit), threads_(threads) {}

  /// n x c x h x w plain maps; `mask` is n x 1 x h x w or empty (1 everywhere). With `unit` the
  /// vectors are u = v / (|v| + 1e-8).
  [[nodiscard]] const Matrix& forward(const Tensor& maps, const Tensor& mask);
  /// dL/dA from dL/du, after forward() with the same maps and mask. A vector of length 0 has
  /// gradient 0.
  [[nodiscard]] Tensor backward(const Tensor& maps, const Tensor& mask, const Matrix& du) const;
  /// Mean length of the vectors before normalisation.
  [[nodiscard]] double mean_norm() const;

 private:
  [[nodiscard]] double weight_sum(const Tensor& mask, std::int64_t image, std::int64_t plane) const;
  void embed(const Tensor& maps, const Tensor& mask, std::int64_t image);

  EmbeddingKind kind_;
  bool unit_;
  int threads_;
  Matrix u_;                   // what forward() returned
  std::vector<double> norms_;  // of v
};

}  // namespace cutaway
