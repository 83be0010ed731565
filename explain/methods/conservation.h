#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/tensor.h"

namespace cutaway::explain {

/// The sum of image n of a map.
[[nodiscard]] inline double sum_of_image(const Tensor& map, std::int64_t n) {
  const auto size = static_cast<std::size_t>(map.shape().count() / map.shape().n);
  double sum = 0.0;
  for (const float v : map.f32().subspan(static_cast<std::size_t>(n) * size, size))
    sum += static_cast<double>(v);
  return sum;
}

/// What a map that promises to sum to `score` misses of it: (sum - score) / |score|, or the sum
/// itself where the score is 0. The measure conservation_residual of manifests.
[[nodiscard]] inline double conservation_residual(double sum, double score) {
  return score == 0.0 ? sum : (sum - score) / std::abs(score);
}

}  // namespace cutaway::explain
