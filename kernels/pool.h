#pragma once

#include <cstdint>

#include "kernels/run.h"
#include "runtime/layout.h"

/// Pooling. Window of output (i, j) starts at input row i*stride_h - pad_h, column j*stride_w -
/// pad_w, and is clipped to the image. All views of a kernel have the same block
/// size (channels-last: one block each; how wide its padding is may differ). Pads are smaller than
/// the window, so that every window touches the image. Outputs must not alias inputs.
namespace cutaway::kernels {

struct PoolGeometry {
  std::int32_t kernel_h{1}, kernel_w{1}, stride_h{1}, stride_w{1}, pad_h{0}, pad_w{0};
};

/// Output extent of a pooling window along one axis: floor or ceil of (extent + 2 pad - kernel) /
/// stride, plus 1; in ceil mode a last window that would start beyond the image and its leading
/// padding is dropped.
[[nodiscard]] CUTAWAY_HD constexpr std::int64_t pooled_extent(std::int64_t extent,
                                                              std::int64_t kernel,
                                                              std::int64_t stride,
                                                              std::int64_t pad,
                                                              bool ceil_mode) {
  const std::int64_t span = extent + 2 * pad - kernel;
  if (span < 0) return 0;
  std::int64_t out = (ceil_mode ? ceil_div(span, stride) : span / stride) + 1;
  if (ceil_mode && (out - 1) * stride >= extent + pad) --out;
  return out;
}

/// y = maximum of the window; pick = where it was found, as the offset kh*kernel_w + kw inside the
/// unclipped window. The first maximum in row-major order wins, padding never does, the first NaN
/// does. kernel_h * kernel_w must not exceed 256 (one byte a switch). In padding lanes y is 0 and
/// pick some tap inside the image.
struct MaxPool {
  View<const float> x;
  View<float> y;
  View<std::uint8_t> pick;  ///< without data: only y is computed
  PoolGeometry g;
};
CUTAWAY_KERNEL(MaxPool);

/// dx = sum of dy over the windows whose switch names this pixel (the adjoint of max pooling at
/// fixed switches, and the deconvnet's unpooling): a gather, so no atomics and no need to clear dx
/// first. kOverwrite keeps only the last such window in row-major order: an option of unpooling, on
/// which Zeiler & Fergus (2013) are silent.
enum class Overlap : std::uint8_t { kAdd, kOverwrite };
struct MaxUnpool {
  View<const float> dy;
  View<const std::uint8_t> pick;
  View<float> dx;
  PoolGeometry g;
  Overlap overlap{Overlap::kAdd};
};
CUTAWAY_KERNEL(MaxUnpool);

/// y = sum of the clipped window / divisor. count_padding: the divisor is the area of the window
/// clipped to the padded image [-pad, extent + pad) (Caffe; PyTorch's count_include_pad); otherwise
/// clipped to the image itself.
struct AveragePool {
  View<const float> x;
  View<float> y;
  PoolGeometry g;
  bool count_padding{true};
};
CUTAWAY_KERNEL(AveragePool);

/// dx = adjoint of AveragePool.
struct AveragePoolBackward {
  View<const float> dy;
  View<float> dx;
  PoolGeometry g;
  bool count_padding{true};
};
CUTAWAY_KERNEL(AveragePoolBackward);

/// y[n,c] = mean over rows and columns of x[n,c]; y is n x c x 1 x 1.
struct GlobalAveragePool {
  View<const float> x;
  View<float> y;
};
CUTAWAY_KERNEL(GlobalAveragePool);

/// dx[n,c,h,w] = dy[n,c] / (H W).
struct GlobalAveragePoolBackward {
  View<const float> dy;
  View<float> dx;
};
CUTAWAY_KERNEL(GlobalAveragePoolBackward);

/// y[n,c] = max over the plane; pick[n,c] = h*W + w of the first maximum (or first NaN).
struct GlobalMaxPool {
  View<const float> x;
  View<float> y;
  View<std::int32_t> pick;
};
CUTAWAY_KERNEL(GlobalMaxPool);

/// dx = dy at the pick, 0 elsewhere.
struct GlobalMaxPoolBackward {
  View<const float> dy;
  View<const std::int32_t> pick;
  View<float> dx;
};
CUTAWAY_KERNEL(GlobalMaxPoolBackward);

}  // namespace cutaway::kernels
