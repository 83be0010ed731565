/// \file
/// Vector shapes as signed distances, the only primitives the renderer draws.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/creatures/geometry.h"

namespace cutaway::tools::creatures {

enum class PrimitiveKind : std::uint8_t { kEllipse, kLimb, kPolygon };

/// One primitive. kEllipse: centre a, radii ra (along axis) and rb. kLimb: the segment a-b with a
/// radius going from ra to rb. kPolygon: closed outline `points`, grown by ra.
struct Primitive {
  PrimitiveKind kind = PrimitiveKind::kEllipse;
  int part = -1;  ///< the part of the creature it belongs to, -1 for none
  int group = 0;  ///< shapes of one group join hard, different groups join softly
  Vec2 a, b;
  float ra = 0, rb = 0;
  Vec2 axis{1, 0};
  std::vector<Vec2> points;
};

/// A rectangle of samples: columns [x0, x0 + width), rows [y0, y0 + height).
struct Window {
  int x0 = 0, y0 = 0, width = 0, height = 0;
  std::size_t samples() const {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  }
};

/// The shape moved into the outer space of `frame`.
Primitive placed(const Primitive& shape, const Frame& frame);

/// A rectangle that holds the shape (exact for limbs and polygons, tight for ellipses).
Bounds bounds(const Primitive& shape);

/// Signed distance (negative inside) from the sample centres (x + 0.5, y + 0.5) of `window` to the
/// union of `shapes`, which must already be in sample units. Groups are joined by a smooth
/// minimum of radius `blend` (0: plain minimum). `owner`, when not null, receives the part of the
/// nearest shape. Ellipse distances are first-order approximations, exact on the outline. Each
/// shape is evaluated only within `margin` samples of its bounds; beyond, it counts as far away.
void distance_field(const std::vector<Primitive>& shapes,
                    float blend,
                    float margin,
                    const Window& window,
                    std::vector<float>& field,
                    std::vector<std::int8_t>* owner);

/// The columns and rows of `outer` within `margin` of the rectangle.
Window clipped(const Bounds& box, float margin, const Window& outer);

/// A smooth closed outline through `knots` (uniform Catmull-Rom, `steps` points per knot).
std::vector<Vec2> smooth_outline(const std::vector<Vec2>& knots, int steps);

}  // namespace cutaway::tools::creatures
