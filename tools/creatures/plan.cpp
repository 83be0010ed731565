#include "tools/creatures/plan.h"

#include <utility>

namespace cutaway::tools::creatures {
namespace {

int next_group(const Layer& layer) {
  return layer.shapes.empty() ? 0 : layer.shapes.back().group + 1;
}

}  // namespace

int Plan::add_part(std::string name, int parent) {
  parts.push_back({std::move(name), parent});
  return static_cast<int>(parts.size()) - 1;
}

Layer& Plan::add_layer(const Material& material) {
  layers.emplace_back();
  layers.back().material = material;
  return layers.back();
}

Layer& Plan::add_detail(const Material& material) {
  Layer& layer = add_layer(material);
  layer.detail = true;
  layer.outline = 0;
  layer.roundness = 0;
  layer.shadow = 0;
  return layer;
}

void add_ellipse(Layer& layer, int part, Vec2 centre, float rx, float ry, float degrees) {
  Primitive s;
  s.kind = PrimitiveKind::kEllipse;
  s.part = part;
  s.group = next_group(layer);
  s.a = centre;
  s.ra = rx;
  s.rb = ry;
  s.axis = polar(1, degrees);
  layer.shapes.push_back(std::move(s));
}

void add_limb(Layer& layer, int part, Vec2 a, Vec2 b, float ra, float rb) {
  Primitive s;
  s.kind = PrimitiveKind::kLimb;
  s.part = part;
  s.group = next_group(layer);
  s.a = a;
  s.b = b;
  s.ra = ra;
  s.rb = rb;
  layer.shapes.push_back(std::move(s));
}

Vec2 bezier(Vec2 p0, Vec2 p1, Vec2 p2, Vec2 p3, float t) {
  const Vec2 a = lerp(p0, p1, t);
  const Vec2 b = lerp(p1, p2, t);
  const Vec2 c = lerp(p2, p3, t);
  return lerp(lerp(a, b, t), lerp(b, c, t), t);
}

void add_curve(
    Layer& layer, int part, Vec2 p0, Vec2 p1, Vec2 p2, Vec2 p3, float r0, float r1, int segments) {
  const int group = next_group(layer);
  Vec2 from = p0;
  for (int k = 1; k <= segments; ++k) {
    const float n = static_cast<float>(segments);
    const float t = static_cast<float>(k) / n;
    const Vec2 to = bezier(p0, p1, p2, p3, t);
    add_limb(layer, part, from, to, lerp(r0, r1, t - 1 / n), lerp(r0, r1, t));
    layer.shapes.back().group = group;
    from = to;
  }
}

void add_blob(Layer& layer, int part, const Frame& frame, const std::vector<Vec2>& knots) {
  add_polygon(layer, part, frame, smooth_outline(knots, 4), 0);
}

void add_polygon(
    Layer& layer, int part, const Frame& frame, const std::vector<Vec2>& corners, float radius) {
  Primitive s;
  s.kind = PrimitiveKind::kPolygon;
  s.part = part;
  s.group = next_group(layer);
  s.ra = radius;
  s.points.reserve(corners.size());
  for (Vec2 p : corners) s.points.push_back(frame(p));
  layer.shapes.push_back(std::move(s));
}

Bounds extent(const Plan& plan, const Frame& frame) {
  Bounds box;
  for (const Layer& layer : plan.layers) {
    if (layer.detail) continue;
    for (const Primitive& s : layer.shapes) box.add(bounds(placed(s, frame)));
  }
  return box;
}

}  // namespace cutaway::tools::creatures
