/// \file
/// The blueprint of a creature: named parts and the layers that draw them, in local units.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "tools/creatures/canvas.h"

namespace cutaway::tools::creatures {

/// A named part; `parent` is the part it sits on (-1: none). Painting a part over its ancestors
/// does not hide them in the truth, painting it over any other part does.
struct PlanPart {
  std::string name;
  int parent = -1;
};

/// Parts and layers, painted first to last. Creatures look to the right (+x) and stand upright.
struct Plan {
  std::vector<PlanPart> parts;
  std::deque<Layer> layers;  ///< a deque: references to layers stay valid
  bool stands = true;        ///< rests on the ground (casts its shadow at its feet)

  int add_part(std::string name, int parent);
  Layer& add_layer(const Material& material);
  /// A drawing (mouth, nose, mark) on top of parts: no outline, no shadow, owns nothing.
  Layer& add_detail(const Material& material);
};

/// All adders append one group (see Primitive::group) of part `part` to the layer.
void add_ellipse(Layer& layer, int part, Vec2 centre, float rx, float ry, float degrees = 0);
void add_limb(Layer& layer, int part, Vec2 a, Vec2 b, float ra, float rb);
/// A cubic Bezier curve drawn with a radius that runs from r0 to r1.
void add_curve(Layer& layer,
               int part,
               Vec2 p0,
               Vec2 p1,
               Vec2 p2,
               Vec2 p3,
               float r0,
               float r1,
               int segments = 8);
/// A smooth closed outline through the knots, given in the space of `frame`.
void add_blob(Layer& layer, int part, const Frame& frame, const std::vector<Vec2>& knots);
/// A polygon with corners rounded by `radius`, given in the space of `frame`.
void add_polygon(
    Layer& layer, int part, const Frame& frame, const std::vector<Vec2>& corners, float radius);

/// The point of the cubic Bezier curve at t in [0, 1].
Vec2 bezier(Vec2 p0, Vec2 p1, Vec2 p2, Vec2 p3, float t);

/// The extent of all layers that own samples, placed by `frame`.
Bounds extent(const Plan& plan, const Frame& frame);

}  // namespace cutaway::tools::creatures
