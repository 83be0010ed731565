#pragma once

#include <cstdint>

#include "kernels/run.h"
#include "runtime/layout.h"

/// Resizing by interpolation, with the coordinate rules of ONNX's Resize. x and y (dx and dy)
/// differ in rows and columns only; outputs must not alias inputs.
namespace cutaway::kernels {

/// Where output position i of an axis lies in the input: at ratio (i + before) + behind, in float32
/// as PyTorch and ONNX Runtime compute it.
struct ResizeAxis {
  float ratio{1.0f}, before{0.0f}, behind{0.0f};
};

enum class Interpolation : std::uint8_t {
  kLinear,                ///< between the two nearest, clamped at the edges; no antialias
  kNearestPreferFloor,    ///< the nearest; halves go down
  kNearestPreferCeiling,  ///< the nearest; halves go up
  kFloor,                 ///< the one before
  kCeiling                ///< the one behind
};

/// y = x interpolated along rows and columns.
struct Resize {
  View<const float> x;
  View<float> y;
  ResizeAxis rows, columns;
  Interpolation interpolation;
};
CUTAWAY_KERNEL(Resize);

/// dx = adjoint of Resize: a gather over the outputs that read a place.
struct ResizeBackward {
  View<const float> dy;
  View<float> dx;
  ResizeAxis rows, columns;
  Interpolation interpolation;
};
CUTAWAY_KERNEL(ResizeBackward);

}  // namespace cutaway::kernels
