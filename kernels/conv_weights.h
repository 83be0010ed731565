#pragma once

#include <cstdint>

#include "kernels/conv.h"

/// Weights in the orders that the CUDA convolutions read; index-space ops (see kernels/site.h), one
/// index an element of what is written. All sizes are those of one group unless said otherwise.
namespace cutaway::kernels {

/// OIHW weights as one matrix a group, depth x columns with rows `ld` apart, zero beyond the
/// columns:
///   forward        m[g][(u, v, c)][o] = w[g * outputs + o][c][u][v]
///   backward data  m[g][(u, v, o)][c] = w[g * outputs + o][c][u][v]
struct WeightMatrix {
  const float* w;
  float* m;
  std::int64_t outputs, inputs, kernel_h, kernel_w, groups, ld;
  bool backward;

  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t depth() const {
    return kernel_h * kernel_w * (backward ? outputs : inputs);
  }
  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t count() const { return groups * depth() * ld; }

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const std::int64_t column = i % ld;
    const std::int64_t row = i / ld % depth();
    const std::int64_t group = i / ld / depth();
    const std::int64_t inner = backward ? outputs : inputs;
    const std::int64_t tap = row / inner;
    const std::int64_t o = backward ? row % inner : column;
    const std::int64_t c = backward ? column : row % inner;
    const bool real = o < outputs && c < inputs;
    m[i] = real ? w[((group * outputs + o) * inputs + c) * kernel_h * kernel_w + tap] : 0.0f;
  }
};

/// OIHW weights as KRSC (output, kernel row, kernel column, input channel): k_padded x taps x
/// c_padded, zero where an output or input channel is padding. `inputs` and c_padded are channels
/// of a group.
struct WeightsToKrsc {
  const float* w;
  float* krsc;
  std::int64_t outputs, inputs, taps, k_padded, c_padded;

  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t count() const {
    return k_padded * taps * c_padded;
  }

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const std::int64_t c = i % c_padded;
    const std::int64_t tap = i / c_padded % taps;
    const std::int64_t o = i / c_padded / taps;
    krsc[i] = o < outputs && c < inputs ? w[(o * inputs + c) * taps + tap] : 0.0f;
  }
};

/// The other way: one index an element of OIHW.
struct KrscToWeights {
  const float* krsc;
  float* w;
  std::int64_t outputs, inputs, taps, c_padded;

  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t count() const { return outputs * taps * inputs; }

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const std::int64_t tap = i % taps;
    const std::int64_t c = i / taps % inputs;
    const std::int64_t o = i / taps / inputs;
    w[i] = krsc[(o * taps + tap) * c_padded + c];
  }
};

/// dw[i] in OIHW = the sum over splits, in their order, of partial[split][o][(u, v, c)].
struct SumSplits {
  const float* partial;
  float* dw;
  std::int64_t outputs, inputs, taps;  ///< outputs of all groups
  std::int64_t splits;

  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t count() const { return outputs * taps * inputs; }

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const std::int64_t tap = i % taps;
    const std::int64_t c = i / taps % inputs;
    const std::int64_t o = i / taps / inputs;
    const float* from = partial + (o * taps + tap) * inputs + c;
    float sum = 0.0f;
    for (std::int64_t s = 0; s < splits; ++s) sum += from[s * count()];
    dw[i] = sum;
  }
};

/// to[i] = from[i] for i below `real`, 0 beyond: a bias with its padding.
struct PadVector {
  const float* from;
  float* to;
  std::int64_t real;

  CUTAWAY_HD void operator()(std::int64_t i) const { to[i] = i < real ? from[i] : 0.0f; }
};

}  // namespace cutaway::kernels
