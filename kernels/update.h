#pragma once

#include "kernels/run.h"

namespace cutaway::kernels {

/// SGD with momentum and L2 weight decay (the classical form, Sutskever et al. 2013 as in PyTorch):
///   v <- momentum * v + (g + weight_decay * w),
///   w <- w - rate * v  (nesterov: w - rate * (g + momentum * v)).
/// g is the stored gradient times `scale`: what clipping by the norm of all gradients comes to.
/// With clip > 0 every element of it is first limited to [-clip, clip].
struct SgdUpdate {
  float* w;
  const float* g;
  float* v;
  std::int64_t count;
  float rate, momentum, weight_decay;
  bool nesterov{false};
  float scale{1.0f}, clip{0.0f};
};
CUTAWAY_KERNEL(SgdUpdate);

/// Adam (Kingma & Ba 2015, algorithm 1); step >= 1. Weight decay is decoupled (Loshchilov & Hutter
/// 2019, AdamW), or, with `l2`, added to the gradient as a penalty is. `scale` and `clip` as above.
struct AdamUpdate {
  float* w;
  const float* g;
  float *m, *v;
  std::int64_t count;
  float rate, beta1, beta2, eps, weight_decay;
  std::int64_t step;
  bool l2{false};
  float scale{1.0f}, clip{0.0f};
};
CUTAWAY_KERNEL(AdamUpdate);

/// An exponential moving average of parameters: a <- decay * a + (1 - decay) * w.
struct MovingAverage {
  const float* w;
  float* a;
  std::int64_t count;
  float decay;
};
CUTAWAY_KERNEL(MovingAverage);

/// How SquareSum adds up: one double for every piece of this many elements.
inline constexpr std::int64_t kSquareSumPiece = 4096;
[[nodiscard]] constexpr std::int64_t square_sum_pieces(std::int64_t count) {
  return (count + kSquareSumPiece - 1) / kSquareSumPiece;
}
/// sums[i] = sum of x^2 over piece i, in double; the order is fixed, so that the sum of the pieces
/// is the same for any number of threads. `sums` has square_sum_pieces(count) elements.
struct SquareSum {
  const float* x;
  std::int64_t count;
  double* sums;
};
CUTAWAY_KERNEL(SquareSum);

/// Filter renormalisation (Zeiler & Fergus 2014, section 3.1): each of `filters` rows of `size`
/// weights whose root mean square exceeds `radius` is scaled back to it. scaled[i] = 1 where row i
/// was, else 0.
struct RenormalizeFilters {
  float* w;
  std::int64_t filters, size;
  double radius;
  std::int32_t* scaled;
};
CUTAWAY_KERNEL(RenormalizeFilters);

}  // namespace cutaway::kernels
