#pragma once

#include <cstdint>

#include "kernels/run.h"
#include "runtime/layout.h"

/// Kernels that move values and compute nothing. Views may differ in layout; padding lanes of
/// outputs become 0; outputs must not alias inputs. An image has less than 2^31 elements.
namespace cutaway::kernels {

/// Every step-th of the places from `start` on, along one axis.
struct SliceAxis {
  std::int32_t start{0}, step{1};
};

/// y[n,c,h,w] = x[n, start_c + step_c c, start_h + step_h h, start_w + step_w w]; y's extents say
/// how many.
struct Slice {
  View<const float> x;
  View<float> y;
  SliceAxis channels, rows, columns;
};
CUTAWAY_KERNEL(Slice);

/// dx = adjoint of Slice: dy at the places it was read from, 0 elsewhere.
struct SliceBackward {
  View<const float> dy;
  View<float> dx;
  SliceAxis channels, rows, columns;
};
CUTAWAY_KERNEL(SliceBackward);

/// Where element (c, h, w) of an image of y comes from. All are permutations, so the adjoint is the
/// inverse.
enum class Permutation : std::uint8_t {
  /// x seen as `size` groups of C / size channels, which y interleaves: channel c of y is channel
  /// (c mod size) C / size + c div size of x (Zhang et al. 2018, ShuffleNet). The inverse has C /
  /// size for size.
  kShuffle,
  /// Blocks of size x size places out of size^2 channels. Channel of x, with p = (h mod size) size
  /// + w mod size: p C + c of C channels of y (depth first, ONNX's DCR), or c size^2 + p
  /// (`column_first`: CRD, PyTorch's pixel_shuffle).
  kDepthToSpace,
  kSpaceToDepth,  ///< the inverse of kDepthToSpace
  kTranspose,     ///< axis k of y (channels, rows, columns) is axis order[k] of x
  kReshape        ///< the same elements in NCHW order, with other extents
};
struct Permute {
  View<const float> x;
  View<float> y;
  Permutation permutation;
  std::int32_t size{1};
  bool column_first{false};
  std::int32_t order[3]{0, 1, 2};
};
CUTAWAY_KERNEL(Permute);

}  // namespace cutaway::kernels
