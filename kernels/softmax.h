#pragma once

#include "kernels/run.h"
#include "runtime/layout.h"

namespace cutaway::kernels {

/// y[n,c,h,w] = exp(x - m) / sum over channels of exp(x - m), m = max over channels; padding
/// becomes 0. `log`: the logarithm of that, x - m - log(sum). y may alias x.
struct Softmax {
  View<const float> x;
  View<float> y;
  bool log{false};
};
CUTAWAY_KERNEL(Softmax);

/// dx = y * (dy - sum over channels of dy * y). `log`, of y that is a logarithm: dx = dy - exp(y) *
/// sum over channels of dy. dx may alias dy.
struct SoftmaxBackward {
  View<const float> y, dy;
  View<float> dx;
  bool log{false};
};
CUTAWAY_KERNEL(SoftmaxBackward);

/// Mean cross-entropy of logits x (n x c x 1 x 1) against labels[n]:
///   loss[n] = log(sum_c exp x[n,c]) - x[n, label],
///   dx = (softmax(x) - onehot) / n; padding of dx is 0.
/// A label outside [0, c) gives loss and dx NaN; callers check labels. With smoothing e the target
/// is (1 - e) onehot + e / c (Szegedy et al. 2016). dx may be a view without data. Where `others`
/// is not null, onehot is (1 - share[n]) onehot(labels[n]) + share[n] onehot(others[n]) (mixup,
/// Zhang et al. 2018).
struct CrossEntropy {
  View<const float> x;
  const std::int32_t* labels;
  float* loss;
  View<float> dx;
  float smoothing{0.0f};
  const std::int32_t* others{};
  const float* share{};
};
CUTAWAY_KERNEL(CrossEntropy);

}  // namespace cutaway::kernels
