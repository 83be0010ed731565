#pragma once

#include "kernels/run.h"
#include "runtime/layout.h"

namespace cutaway::kernels {

/// Bilinear resize with half-pixel centres and clamped edges, no antialias (PyTorch
/// align_corners=false, OpenCV INTER_LINEAR). x and y differ in h and w only.
struct ResizeBilinear {
  View<const float> x;
  View<float> y;
};
CUTAWAY_KERNEL(ResizeBilinear);

/// dx = adjoint of ResizeBilinear.
struct ResizeBilinearBackward {
  View<const float> dy;
  View<float> dx;
};
CUTAWAY_KERNEL(ResizeBilinearBackward);

/// y = x surrounded by `top`, `left`, ... rows and columns: zero, mirrored without repeating the
/// edge (reflection), or the edge repeated; y's extents say how much follows. Reflection needs pads
/// smaller than the extent.
enum class PadMode : std::uint8_t { kZero, kReflect, kEdge };
struct Pad {
  View<const float> x;
  View<float> y;
  std::int32_t top, left;
  PadMode mode;
};
CUTAWAY_KERNEL(Pad);

/// dx = adjoint of Pad.
struct PadBackward {
  View<const float> dy;
  View<float> dx;
  std::int32_t top, left;
  PadMode mode;
};
CUTAWAY_KERNEL(PadBackward);

/// y[n,0,h,w], in any layout, = a reduction over the channels of x: kMaxAbs = max_c |x| (saliency,
/// Simonyan et al. 2013), kSum = sum_c x, kSumAbs = sum_c |x|, kPositiveSum = max(sum_c x, 0).
enum class ChannelReduction : std::uint8_t { kMaxAbs, kSum, kSumAbs, kPositiveSum };
struct ReduceChannels {
  View<const float> x;
  View<float> y;
  ChannelReduction reduction;
};
CUTAWAY_KERNEL(ReduceChannels);

/// y[n,0,h,w] = sum over c of weight[n*weight_stride + c] * x[n,c,h,w]; the class activation map
/// and its family. relu: y = max(y, 0).
struct WeightedChannelSum {
  View<const float> x;
  const float* weight;
  std::int64_t weight_stride;
  View<float> y;
  bool relu{false};
};
CUTAWAY_KERNEL(WeightedChannelSum);

}  // namespace cutaway::kernels
