#pragma once

#include <span>

#include "runtime/tensor.h"

namespace cutaway::explain {

/// A motion of an image's content about the image's centre: first magnified, then turned, then
/// moved.
struct Motion {
  double down{0};     ///< pixels
  double scale{1};    ///< above 1: larger
  double degrees{0};  ///< counter-clockwise, as one looks at it
};

/// The image after that motion: bilinear; where nothing was, `fill`, a value a channel. n x c x h x
/// w, plain, on the CPU. Exact copies of pixels where the motion brings pixels onto pixels (to 1e-9
/// of a pixel). Throws kUsage unless the scale is positive.
[[nodiscard]] Tensor warp(const Tensor& x, const Motion& motion, std::span<const float> fill);

}  // namespace cutaway::explain
