#pragma once

#include <cstdint>

namespace cutaway::kernels::winograd {

/// Weights of the convolution that the tiles compute: `out` and `in` channels of that convolution,
/// which is the layer itself or, with `flipped`, its adjoint (w' [i, o, u, v] = w[o, i, taps-1-u,
/// taps-1-v]).
struct Weights {
  std::int64_t in, out;
  int taps;  ///< a side: 3 or 5
  bool flipped;

  /// Floats that transform() writes.
  [[nodiscard]] std::int64_t transformed() const;
};

/// u = G w G' as u[point][panel of output channels][input channel][channel of the panel]; channels
/// are padded with zeros to multiples of 16, the last panel is narrower when they do not fill it.
void transform(const Weights& weights, const float* w, float* u, int threads);

}  // namespace cutaway::kernels::winograd
