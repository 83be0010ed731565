#include "tools/creatures/primitive.h"

#include <algorithm>
#include <cmath>

namespace cutaway::tools::creatures {
namespace {

constexpr float kFar = 1e6f;

/// A part of a distance field: its samples, and where they lie in an array of the given row length.
struct Patch {
  Window window;
  float* first;
  std::size_t stride;
};

/// Calls distance(p) for each sample and keeps the minimum with what the patch holds.
template <typename Distance>
void keep_minimum(const Patch& patch, const Distance& distance) {
  const Window& w = patch.window;
  for (int y = 0; y < w.height; ++y) {
    const float py = static_cast<float>(w.y0 + y) + 0.5f;
    float* row = patch.first + static_cast<std::size_t>(y) * patch.stride;
    for (int x = 0; x < w.width; ++x) {
      const float d = distance(Vec2{static_cast<float>(w.x0 + x) + 0.5f, py});
      row[x] = row[x] < d ? row[x] : d;
    }
  }
}

void add_ellipse(const Primitive& s, const Patch& patch) {
  const float ia = 1 / s.ra;
  const float ib = 1 / s.rb;
  const float small = -std::min(s.ra, s.rb);
  keep_minimum(patch, [&](Vec2 p) {
    const Vec2 q = p - s.a;
    const float u = dot(q, s.axis) * ia;
    const float v = (s.axis.x * q.y - s.axis.y * q.x) * ib;
    const float k0 = std::sqrt(u * u + v * v);
    const float k1 = std::sqrt(u * u * ia * ia + v * v * ib * ib);
    return k1 > 1e-6f ? k0 * (k0 - 1) / k1 : small;
  });
}

void add_limb(const Primitive& s, const Patch& patch) {
  const Vec2 ab = s.b - s.a;
  const float inverse = 1 / std::max(dot(ab, ab), 1e-9f);
  keep_minimum(patch, [&](Vec2 p) {
    const Vec2 q = p - s.a;
    const float t = clamp01(dot(q, ab) * inverse);
    const Vec2 r = q - ab * t;
    return std::sqrt(dot(r, r)) - lerp(s.ra, s.rb, t);
  });
}

/// Squared distance to the outline edge by edge; the sign by the crossing rule, edge after edge,
/// so that the inner loops run along rows.
void add_polygon(const Primitive& s, const Patch& patch) {
  const Window& w = patch.window;
  const std::size_t n = s.points.size();
  const std::size_t columns = static_cast<std::size_t>(w.width);
  std::vector<float> nearest(columns);
  std::vector<std::uint8_t> inside(columns);
  for (int y = 0; y < w.height; ++y) {
    const float py = static_cast<float>(w.y0 + y) + 0.5f;
    std::fill(nearest.begin(), nearest.end(), kFar * kFar);
    std::fill(inside.begin(), inside.end(), std::uint8_t{0});
    for (std::size_t k = 0; k < n; ++k) {
      const Vec2 a = s.points[k];
      const Vec2 b = s.points[(k + 1) % n];
      const Vec2 ab = b - a;
      const float inverse = 1 / std::max(dot(ab, ab), 1e-9f);
      const float qy = py - a.y;
      const bool crosses = (a.y <= py) != (b.y <= py);
      const float at = crosses ? a.x + ab.x * (qy / ab.y) : -kFar;
      for (std::size_t x = 0; x < columns; ++x) {
        const float px = static_cast<float>(w.x0 + static_cast<int>(x)) + 0.5f;
        const float qx = px - a.x;
        const float t = clamp01((qx * ab.x + qy * ab.y) * inverse);
        const float rx = qx - ab.x * t;
        const float ry = qy - ab.y * t;
        nearest[x] = std::min(nearest[x], rx * rx + ry * ry);
        inside[x] ^= static_cast<std::uint8_t>(px < at);
      }
    }
    float* row = patch.first + static_cast<std::size_t>(y) * patch.stride;
    for (std::size_t x = 0; x < columns; ++x) {
      const float d = std::sqrt(nearest[x]);
      row[x] = std::min(row[x], (inside[x] != 0 ? -d : d) - s.ra);
    }
  }
}

void add_primitive(const Primitive& s, const Patch& patch) {
  switch (s.kind) {
    case PrimitiveKind::kEllipse:
      return add_ellipse(s, patch);
    case PrimitiveKind::kLimb:
      return add_limb(s, patch);
    case PrimitiveKind::kPolygon:
      return add_polygon(s, patch);
  }
}

/// Smooth minimum, polynomial form (Quilez): equals the minimum where the two differ by >= k.
float smooth_minimum(float a, float b, float k) {
  const float h = std::max(k - std::fabs(a - b), 0.0f) / k;
  return std::min(a, b) - h * h * k * 0.25f;
}

}  // namespace

Primitive placed(const Primitive& shape, const Frame& frame) {
  Primitive s = shape;
  s.a = frame(shape.a);
  s.b = frame(shape.b);
  s.ra *= frame.scale;
  s.rb *= frame.scale;
  s.axis = frame.direction(shape.axis);
  for (Vec2& p : s.points) p = frame(p);
  return s;
}

Bounds bounds(const Primitive& s) {
  Bounds box;
  if (s.kind == PrimitiveKind::kEllipse) {
    const float ux = s.axis.x * s.ra;
    const float uy = s.axis.y * s.ra;
    const float vx = s.axis.y * s.rb;
    const float vy = s.axis.x * s.rb;
    const Vec2 half{std::sqrt(ux * ux + vx * vx), std::sqrt(uy * uy + vy * vy)};
    box.add(s.a - half, 0);
    box.add(s.a + half, 0);
  } else if (s.kind == PrimitiveKind::kLimb) {
    box.add(s.a, s.ra);
    box.add(s.b, s.rb);
  } else {
    for (Vec2 p : s.points) box.add(p, s.ra);
  }
  return box;
}

Window clipped(const Bounds& box, float margin, const Window& outer) {
  Window w;
  if (box.empty()) return w;
  const float left = static_cast<float>(outer.x0);
  const float top = static_cast<float>(outer.y0);
  const float right = static_cast<float>(outer.x0 + outer.width);
  const float bottom = static_cast<float>(outer.y0 + outer.height);
  w.x0 = static_cast<int>(std::clamp(std::floor(box.x0 - margin), left, right));
  w.y0 = static_cast<int>(std::clamp(std::floor(box.y0 - margin), top, bottom));
  w.width = static_cast<int>(std::clamp(std::ceil(box.x1 + margin), left, right)) - w.x0;
  w.height = static_cast<int>(std::clamp(std::ceil(box.y1 + margin), top, bottom)) - w.y0;
  return w;
}

void distance_field(const std::vector<Primitive>& shapes,
                    float blend,
                    float margin,
                    const Window& window,
                    std::vector<float>& field,
                    std::vector<std::int8_t>* owner) {
  const std::size_t n = window.samples();
  const std::size_t stride = static_cast<std::size_t>(window.width);
  field.assign(n, kFar);
  if (owner != nullptr) owner->assign(n, -1);
  std::vector<float> nearest(n, kFar);
  std::vector<float> group;
  for (std::size_t k = 0; k < shapes.size();) {
    const std::size_t first = k;
    Bounds box;
    for (; k < shapes.size() && shapes[k].group == shapes[first].group; ++k) {
      box.add(bounds(shapes[k]));
    }
    const Window part = clipped(box, margin, window);
    group.assign(part.samples(), kFar);
    const std::size_t columns = static_cast<std::size_t>(part.width);
    for (std::size_t j = first; j < k; ++j) {
      const Window own = clipped(bounds(shapes[j]), margin, part);
      const std::size_t at = static_cast<std::size_t>(own.y0 - part.y0) * columns +
                             static_cast<std::size_t>(own.x0 - part.x0);
      add_primitive(shapes[j], {own, group.data() + at, columns});
    }
    for (int y = 0; y < part.height; ++y) {
      const std::size_t from = static_cast<std::size_t>(y) * columns;
      const std::size_t to = static_cast<std::size_t>(part.y0 - window.y0 + y) * stride +
                             static_cast<std::size_t>(part.x0 - window.x0);
      for (std::size_t x = 0; x < columns; ++x) {
        const float d = group[from + x];
        float& f = field[to + x];
        f = blend > 0 ? smooth_minimum(f, d, blend) : std::min(f, d);
        if (d < nearest[to + x]) {
          nearest[to + x] = d;
          if (owner != nullptr) (*owner)[to + x] = static_cast<std::int8_t>(shapes[first].part);
        }
      }
    }
  }
}

std::vector<Vec2> smooth_outline(const std::vector<Vec2>& knots, int steps) {
  const std::size_t n = knots.size();
  std::vector<Vec2> points;
  points.reserve(n * static_cast<std::size_t>(steps));
  for (std::size_t i = 0; i < n; ++i) {
    const Vec2 p0 = knots[(i + n - 1) % n];
    const Vec2 p1 = knots[i];
    const Vec2 p2 = knots[(i + 1) % n];
    const Vec2 p3 = knots[(i + 2) % n];
    for (int k = 0; k < steps; ++k) {
      const float t = static_cast<float>(k) / static_cast<float>(steps);
      const Vec2 c1 = (p2 - p0) * 0.5f;
      const Vec2 c2 = p0 - p1 * 2.5f + p2 * 2.0f - p3 * 0.5f;
      const Vec2 c3 = (p1 - p2) * 1.5f + (p3 - p0) * 0.5f;
      points.push_back(p1 + (c1 + (c2 + c3 * t) * t) * t);
    }
  }
  return points;
}

}  // namespace cutaway::tools::creatures
