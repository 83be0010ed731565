#pragma once

#include <random>

#include "runtime/tensor.h"

namespace cutaway::tests {

/// Standard normal numbers, the same for the same seed.
inline Tensor random_tensor(const Shape& s, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> d;
  Tensor t = zeros(s);
  for (float& v : t.f32()) v = d(engine);
  return t;
}

}  // namespace cutaway::tests
