#include "layers/training/losses/embedding.h"

#include <cmath>
#include <string>

#include "runtime/error.h"
#include "runtime/parallel.h"

namespace cutaway {
namespace {

constexpr double kTiny = 1e-8;

const float* plane_of(const Tensor& t, std::int64_t image, std::int64_t channel) {
  return t.f32().data() + (image * t.shape().c + channel) * t.shape().plane();
}

}  // namespace

EmbeddingKind embedding_kind(std::string_view name) {
  if (name == "flat") return EmbeddingKind::kFlat;
  if (name == "pooled") return EmbeddingKind::kPooled;
  throw Error(ErrorKind::kInput, "features")
      .expected("'flat' or 'pooled'")
      .got("'" + std::string(name) + "'");
}

double Embedding::weight_sum(const Tensor& mask, std::int64_t image, std::int64_t plane) const {
  if (kind_ == EmbeddingKind::kFlat) return 1.0;
  if (mask.empty()) return static_cast<double>(plane);
  double sum = kTiny;
  const float* m = plane_of(mask, image, 0);
  for (std::int64_t i = 0; i < plane; ++i) sum += static_cast<double>(m[i]);
  return sum;
}

void Embedding::embed(const Tensor& maps, const Tensor& mask, std::int64_t image) {
  const std::int64_t channels = maps.shape().c, plane = maps.shape().plane();
  const double weights = weight_sum(mask, image, plane);
  const float* m = mask.empty() ? nullptr : plane_of(mask, image, 0);
  double* v = u_.row(image);
  for (std::int64_t c = 0; c < channels; ++c) {
    const float* a = plane_of(maps, image, c);
    const auto term = [&](std::int64_t i) {
      return static_cast<double>(a[i]) * (m != nullptr ? static_cast<double>(m[i]) : 1.0);
    };
    if (kind_ == EmbeddingKind::kFlat) {
      for (std::int64_t i = 0; i < plane; ++i) v[c * plane + i] = term(i);
      continue;
    }
    double sum = 0.0;
    for (std::int64_t i = 0; i < plane; ++i) sum += term(i);
    v[c] = sum / weights;
  }
  double square = 0.0;
  for (std::int64_t i = 0; i < u_.columns; ++i) square += v[i] * v[i];
  const double norm = std::sqrt(square);
  norms_[static_cast<std::size_t>(image)] = norm;
  if (!unit_) return;
  for (std::int64_t i = 0; i < u_.columns; ++i) v[i] /= norm + kTiny;
}

const Matrix& Embedding::forward(const Tensor& maps, const Tensor& mask) {
  const Shape& s = maps.shape();
  const std::int64_t columns = kind_ == EmbeddingKind::kFlat ? s.c * s.plane() : s.c;
  if (u_.rows != s.n || u_.columns != columns) u_ = Matrix(s.n, columns);
  norms_.resize(static_cast<std::size_t>(s.n));
  parallel_for(threads_, s.n, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) embed(maps, mask, n);
  });
  return u_;
}

Tensor Embedding::backward(const Tensor& maps, const Tensor& mask, const Matrix& du) const {
  const Shape& s = maps.shape();
  const std::int64_t plane = s.plane();
  Tensor da = zeros(s);
  parallel_for(threads_, s.n, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) {
      const double norm = norms_[static_cast<std::size_t>(n)];
      if (unit_ && norm == 0.0) continue;
      const double *u = u_.row(n), *g = du.row(n);
      // u = v / (r + t): dv = (g - v (v g) / (r (r + t))) / (r + t) = (g - u (u g) (r + t) / r) /
      // (r + t).
      double along = 0.0, length = 1.0;
      if (unit_) {
        for (std::int64_t i = 0; i < u_.columns; ++i) along += u[i] * g[i];
        length = norm + kTiny;
        along *= length / norm;
      }
      const double weights = weight_sum(mask, n, plane) * length;
      const float* m = mask.empty() ? nullptr : plane_of(mask, n, 0);
      for (std::int64_t c = 0; c < s.c; ++c) {
        float* to = da.f32().data() + (n * s.c + c) * plane;
        for (std::int64_t i = 0; i < plane; ++i) {
          const std::int64_t k = kind_ == EmbeddingKind::kFlat ? c * plane + i : c;
          const double dv = unit_ ? g[k] - u[k] * along : g[k];
          to[i] =
              static_cast<float>(dv * (m != nullptr ? static_cast<double>(m[i]) : 1.0) / weights);
        }
      }
    }
  });
  return da;
}

double Embedding::mean_norm() const {
  double sum = 0.0;
  for (const double norm : norms_) sum += norm;
  return norms_.empty() ? 0.0 : sum / static_cast<double>(norms_.size());
}

}  // namespace cutaway
