#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernels/conv.h"
#include "runtime/shape.h"

/// What Keras' layers with windows have in common; private to weights/import/keras.
namespace cutaway::weights {

inline constexpr std::int64_t kMostWindow = 1024;

/// TensorFlow's "same": ceil(extent / stride) outputs, the smaller half of the padding first.
struct Same {
  std::int64_t before{0}, after{0}, outputs{0};
};
inline Same same_padding(std::int64_t extent,
                         std::int64_t kernel,
                         std::int64_t stride,
                         std::int64_t dilation) {
  const std::int64_t span = dilation * (kernel - 1) + 1;
  const std::int64_t outputs = ceil_div(extent, stride);
  const std::int64_t total = std::max<std::int64_t>((outputs - 1) * stride + span - extent, 0);
  return {total / 2, total - total / 2, outputs};
}

inline kernels::ConvGeometry geometry(const std::pair<std::int32_t, std::int32_t>& kernel,
                                      const std::pair<std::int32_t, std::int32_t>& stride,
                                      const std::pair<std::int32_t, std::int32_t>& dilation,
                                      std::int32_t pad_h,
                                      std::int32_t pad_w,
                                      std::int64_t groups) {
  return {kernel.first,   kernel.second,   stride.first,
          stride.second,  pad_h,           pad_w,
          dilation.first, dilation.second, static_cast<std::int32_t>(groups)};
}

}  // namespace cutaway::weights
