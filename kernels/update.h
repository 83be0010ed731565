#pragma once

#include "kernels/run.h"

namespace cutaway::kernels {

/// SGD with momentum and L2 weight decay (the classical form, Sutskever et al. 2013 as in PyTorch):
///   v <- momentum * v + (g + weight_decay * w),
///   w <- w - rate * v  (nesterov: w - rate * (g + momentum * v)).
struct SgdUpdate {
  float* w;
  const float* g;
  float* v;
  std::int64_t count;
  float rate, momentum, weight_decay;
  bool nesterov{false};
};
CUTAWAY_KERNEL(SgdUpdate);

/// Adam (Kingma & Ba 2015, algorithm 1) with decoupled weight decay (Loshchilov & Hutter 2019);
/// step >= 1.
struct AdamUpdate {
  float* w;
  const float* g;
  float *m, *v;
  std::int64_t count;
  float rate, beta1, beta2, eps, weight_decay;
  std::int64_t step;
};
CUTAWAY_KERNEL(AdamUpdate);

}  // namespace cutaway::kernels
