#pragma once

#include "kernels/run.h"
#include "runtime/layout.h"

/// Windows of a plane of which only parts are held: what regional passes are made of. All views of
/// a kernel have the same number of channels and the same block size; outputs must not alias
/// inputs.
namespace cutaway::kernels {

/// Where the windows y and x of one image begin in the plane (y may begin outside of it).
struct WindowOrigin {
  std::int32_t y_row, y_column, x_row, x_column;
};

/// y = a window of a plane of plane_h x plane_w pixels, image by image: what x covers is read from
/// x, the rest of the plane from `base` (one image for all; without data: `outside`), and what lies
/// outside the plane is `outside`. Padding lanes are 0 where x and base have none.
struct CutWindow {
  View<const float> x, base;
  View<float> y;
  const WindowOrigin* origin;  ///< one an image, on the device of the views
  std::int32_t plane_h, plane_w;
  float outside;
};
CUTAWAY_KERNEL(CutWindow);

/// dx = adjoint of CutWindow in x: what y read from x; 0 where it read nothing.
struct CutWindowBackward {
  View<const float> dy;
  View<float> dx;
  const WindowOrigin* origin;
};
CUTAWAY_KERNEL(CutWindowBackward);

}  // namespace cutaway::kernels
