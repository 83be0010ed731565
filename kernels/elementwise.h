#pragma once

#include "kernels/run.h"
#include "runtime/layout.h"

/// Elementwise kernels. Views of one kernel have the same shape and, unless said otherwise, the
/// same block size; outputs may alias inputs of the same geometry. Padding lanes are computed like
/// the others, so a kernel that maps 0 to 0 keeps them zero.
namespace cutaway::kernels {

/// y = value, padding lanes included.
struct Fill {
  View<float> y;
  float value;
};
CUTAWAY_KERNEL(Fill);

/// y = x where the two may differ in block size (a layout conversion); padding lanes of y become 0.
struct Reorder {
  View<const float> x;
  View<float> y;
};
CUTAWAY_KERNEL(Reorder);

/// y = a * x.
struct Scale {
  View<const float> x;
  View<float> y;
  float a;
};
CUTAWAY_KERNEL(Scale);

/// y = a * x0 + b * x1.
struct Add {
  View<const float> x0, x1;
  View<float> y;
  float a{1.0f}, b{1.0f};
};
CUTAWAY_KERNEL(Add);

/// y = x0 * x1.
struct Multiply {
  View<const float> x0, x1;
  View<float> y;
};
CUTAWAY_KERNEL(Multiply);

/// y = max(x, 0); NaN stays NaN.
struct Relu {
  View<const float> x;
  View<float> y;
};
CUTAWAY_KERNEL(Relu);

/// The three ways down through a ReLU (methods of Simonyan, Zeiler, Springenberg):
///   kGradient    dx = dy [y > 0]
///   kDeconvnet   dx = dy [dy > 0]
///   kGuided      dx = dy [y > 0] [dy > 0]
/// `y` is the ReLU's output ([x > 0] is the same as [y > 0]); kDeconvnet does not read it.
enum class ReluRule : std::uint8_t { kGradient, kDeconvnet, kGuided };
struct ReluBackward {
  View<const float> y, dy;
  View<float> dx;
  ReluRule rule;
};
CUTAWAY_KERNEL(ReluBackward);

/// y = min(max(x, low), high); NaN stays NaN. low <= 0 <= high, so that padding lanes stay zero.
struct Clip {
  View<const float> x;
  View<float> y;
  float low, high;
};
CUTAWAY_KERNEL(Clip);

/// The ways down through a clipped rectifier, with [low < y < high] in the place of [y > 0].
struct ClipBackward {
  View<const float> y, dy;
  View<float> dx;
  float low, high;
  ReluRule rule;
};
CUTAWAY_KERNEL(ClipBackward);

/// y = x where x > 0, slope * x elsewhere; slope > 0.
struct LeakyRelu {
  View<const float> x;
  View<float> y;
  float slope;
};
CUTAWAY_KERNEL(LeakyRelu);

/// kGradient   dx = dy where y > 0, slope * dy elsewhere
/// kDeconvnet  dx = dy where dy > 0, slope * dy elsewhere: the rectifier applied to the signal
/// kGuided     the gradient of what is positive in dy
struct LeakyReluBackward {
  View<const float> y, dy;
  View<float> dx;
  float slope;
  ReluRule rule;
};
CUTAWAY_KERNEL(LeakyReluBackward);
/// y = positive * max(x, 0) + negative * min(x, 0); NaN stays NaN. The positive part is (1, 0), the
/// negative one (0, 1), the magnitude (1, -1).
struct ScaleBySign {
  View<const float> x;
  View<float> y;
  float positive, negative;
};
CUTAWAY_KERNEL(ScaleBySign);

/// y = a * x0 * x1, or y += a * x0 * x1 when `accumulate`.
struct MultiplyAdd {
  View<const float> x0, x1;
  View<float> y;
  float a{1.0f};
  bool accumulate{false};
};
CUTAWAY_KERNEL(MultiplyAdd);

/// The quotient of relevance propagation (Bach et al. 2015): s = r / (z + sign(z) * e) with sign(0)
/// = 1, e = epsilon + share * sqrt(mean_square[0]); 0 where r is 0, whatever z is. mean_square, on
/// the stream's device, is read only when share is not 0.
struct RelevanceQuotient {
  View<const float> z, r;
  View<float> s;
  float epsilon;
  float share{0.0f};
  const float* mean_square{};
};
CUTAWAY_KERNEL(RelevanceQuotient);

/// A ReLU's gradient that never dies (Olah et al. 2017): dx = dy [y > 0] for images whose ordinary
/// gradient is not zero everywhere (most[n] != 0, n an image), otherwise dx = max(dy, 0), which
/// pushes negative inputs up.
struct ReluRescue {
  View<const float> y, dy;
  const float* most;
  View<float> dx;
};
CUTAWAY_KERNEL(ReluRescue);

/// Dropout in training: y = x * keep / (1 - rate), keep drawn per element from (seed, stream);
/// element i is numbered in logical NCHW order, so the mask does not depend on the layout. Also its
/// own backward pass.
struct Dropout {
  View<const float> x;
  View<float> y;
  float rate;
  std::uint64_t seed, stream;
};
CUTAWAY_KERNEL(Dropout);

}  // namespace cutaway::kernels
