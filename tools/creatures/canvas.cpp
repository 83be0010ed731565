#include "tools/creatures/canvas.h"

#include <algorithm>
#include <cmath>

namespace cutaway::tools::creatures {
namespace {

/// How far contact shadows fall, in local units.
constexpr float kShadowReach = 0.05f;

/// A layer ready to paint: its distance field over a window of the canvas.
struct Prepared {
  Window window;
  std::vector<float> field;
  std::vector<std::int8_t> owner;
  float outline = 0;  ///< width in samples
  float depth = 1;    ///< over how many samples the surface rises from its rim
  int stencil = 1;    ///< half the width of the difference that gives the slope, samples
  Vec2 centre;
  float reach = 1;  ///< half the extent, samples
};

std::vector<Primitive> place_all(const std::vector<Primitive>& shapes, const Frame& frame) {
  std::vector<Primitive> out;
  out.reserve(shapes.size());
  for (const Primitive& s : shapes) out.push_back(placed(s, frame));
  return out;
}

Prepared prepare(const Canvas& canvas, const Layer& layer, const Frame& frame, const Style& style) {
  Prepared p;
  p.outline = layer.outline * style.outline_width;
  const std::vector<Primitive> shapes = place_all(layer.shapes, frame);
  const float blend = layer.blend * frame.scale;
  const float reach = layer.shadow > 0 ? kShadowReach * frame.scale : 0;
  const float margin = p.outline + reach + 2;
  p.window = window_of(canvas, shapes, margin);
  if (p.window.samples() == 0) return p;
  distance_field(shapes, blend, margin + blend, p.window, p.field, &p.owner);
  if (!layer.clip.empty()) {
    std::vector<float> clip;
    distance_field(place_all(layer.clip, frame), 0, 2, p.window, clip, nullptr);
    for (std::size_t i = 0; i < clip.size(); ++i) p.field[i] = std::max(p.field[i], clip[i]);
  }
  const float deepest = -*std::min_element(p.field.begin(), p.field.end());
  p.depth = std::max(1.0f, std::min(0.9f * deepest, layer.rise * frame.scale));
  p.stencil = std::max(1, static_cast<int>(0.02f * frame.scale));
  Bounds box;
  for (const Primitive& s : shapes) box.add(bounds(s));
  p.centre = box.centre();
  p.reach = std::max(1.0f, 0.5f * std::max(box.width(), box.height()));
  return p;
}

/// Beyond a shape's margin the field is a large constant, so the difference is held to that of a
/// true distance.
float slope_between(float low, float high, int steps) {
  return steps > 0 ? std::clamp((high - low) / static_cast<float>(steps), -1.0f, 1.0f) : 0.0f;
}

/// Cushion shading: the surface rises from the rim to a flat top over `depth` samples.
Color lit(const Prepared& p,
          const Layer& layer,
          const Style& style,
          std::size_t i,
          int x,
          int y,
          Color albedo) {
  const Window& w = p.window;
  const std::size_t stride = static_cast<std::size_t>(w.width);
  const int left = std::min(p.stencil, x);
  const int right = std::min(p.stencil, w.width - 1 - x);
  const int up = std::min(p.stencil, y);
  const int down = std::min(p.stencil, w.height - 1 - y);
  const float gx = slope_between(p.field[i - static_cast<std::size_t>(left)],
                                 p.field[i + static_cast<std::size_t>(right)], left + right);
  const float gy = slope_between(p.field[i - static_cast<std::size_t>(up) * stride],
                                 p.field[i + static_cast<std::size_t>(down) * stride], up + down);
  const float rim = 1 - clamp01(-p.field[i] / p.depth);
  const float slope = 0.85f * rim * rim * layer.roundness;
  const float nx = gx * slope;
  const float ny = gy * slope;
  const float nz = std::sqrt(std::max(0.05f, 1 - nx * nx - ny * ny));
  const float facing = nx * style.light_x + ny * style.light_y + nz * style.light_z;
  const float px = (static_cast<float>(w.x0 + x) - p.centre.x) / p.reach;
  const float py = (static_cast<float>(w.y0 + y) - p.centre.y) / p.reach;
  const float across = px * style.light_x + py * style.light_y;
  const float level = facing / style.light_z + 0.22f * layer.roundness * across;
  Color c = albedo;
  if (level < 1) {
    c = albedo * mix(Color{1, 1, 1}, style.shade, clamp01(1.15f * (1 - level)));
  } else {
    c = mix(albedo, Color{1, 0.98f, 0.92f}, clamp01(0.5f * (level - 1)));
  }
  if (layer.gloss > 0) {
    const float hx = style.light_x;
    const float hy = style.light_y;
    const float hz = style.light_z + 1;
    float h = (nx * hx + ny * hy + nz * hz) / std::sqrt(hx * hx + hy * hy + hz * hz);
    h *= h;
    h *= h;
    h *= h;
    h *= h;
    c = mix(c, Color{1, 1, 1}, clamp01(layer.gloss * h * rim));
  }
  return c;
}

void take_ownership(std::uint64_t& owners, int part, int x, int y, std::vector<PartExtent>& parts) {
  PartExtent& e = parts[static_cast<std::size_t>(part)];
  const std::uint64_t bit = std::uint64_t{1} << part;
  if ((owners & bit) == 0) {
    ++e.samples;
    e.sum_x += x;
    e.sum_y += y;
    e.x0 = std::min(e.x0, x);
    e.y0 = std::min(e.y0, y);
    e.x1 = std::max(e.x1, x);
    e.y1 = std::max(e.y1, y);
  }
  owners = (owners & e.family) | bit;
}

}  // namespace

Window window_of(const Canvas& canvas, const std::vector<Primitive>& placed_shapes, float margin) {
  Bounds box;
  for (const Primitive& s : placed_shapes) box.add(bounds(s));
  return clipped(box, margin, {0, 0, canvas.side, canvas.side});
}

void paint(Canvas& canvas,
           const Layer& layer,
           const Frame& frame,
           const Style& style,
           Role role,
           std::vector<PartExtent>* parts) {
  const Prepared p = prepare(canvas, layer, frame, style);
  const Window& w = p.window;
  if (w.samples() == 0) return;
  const float reach = std::max(1.0f, kShadowReach * frame.scale);
  const Vec2 origin = frame.inverse({static_cast<float>(w.x0) + 0.5f, 0.5f});
  const Vec2 step_x = frame.inverse({static_cast<float>(w.x0) + 1.5f, 0.5f}) - origin;
  const Vec2 step_y = frame.inverse({static_cast<float>(w.x0) + 0.5f, 1.5f}) - origin;
  std::size_t i = 0;
  for (int y = 0; y < w.height; ++y) {
    const Vec2 row = origin + step_y * static_cast<float>(w.y0 + y);
    for (int x = 0; x < w.width; ++x, ++i) {
      const float d = p.field[i];
      const std::size_t at =
          static_cast<std::size_t>(w.y0 + y) * static_cast<std::size_t>(canvas.side) +
          static_cast<std::size_t>(w.x0 + x);
      Color& target = canvas.pixels[at];
      const float cover = clamp01(0.5f - (d - p.outline));
      if (!(cover > 0)) {
        const float beyond = d - p.outline;
        if (layer.shadow > 0 && beyond < reach && canvas.owners[at] != 0) {
          const float t = 1 - beyond / reach;
          target = target * (1 - 0.28f * layer.shadow * t * t);
        }
        continue;
      }
      Color fill = style.outline;
      const float inner = clamp01(0.5f - d);
      if (inner > 0) {
        const Vec2 local = row + step_x * static_cast<float>(x);
        fill = mix(fill, lit(p, layer, style, i, x, y, sample(layer.material, local)), inner);
      }
      target = mix(target, fill, cover * layer.opacity);
      if (cover < 0.5f || layer.opacity < 0.5f) continue;
      if (role == Role::kOccluder) canvas.owners[at] = 0;
      if (role == Role::kCreature && !layer.detail && p.owner[i] >= 0) {
        take_ownership(canvas.owners[at], p.owner[i], w.x0 + x, w.y0 + y, *parts);
      }
    }
  }
}

void paint_ground_shadow(Canvas& canvas, Vec2 centre, float rx, float ry, float strength) {
  const int y0 = std::max(0, static_cast<int>(centre.y - ry));
  const int y1 = std::min(canvas.side, static_cast<int>(centre.y + ry) + 1);
  const int x0 = std::max(0, static_cast<int>(centre.x - rx));
  const int x1 = std::min(canvas.side, static_cast<int>(centre.x + rx) + 1);
  const Color dark{0.12f, 0.10f, 0.22f};
  for (int y = y0; y < y1; ++y) {
    for (int x = x0; x < x1; ++x) {
      const float u = (static_cast<float>(x) + 0.5f - centre.x) / rx;
      const float v = (static_cast<float>(y) + 0.5f - centre.y) / ry;
      const float fall = clamp01(1 - (u * u + v * v));
      Color& c = canvas.at(x, y);
      c = mix(c, dark, strength * smoothstep(0, 0.9f, fall));
    }
  }
}

}  // namespace cutaway::tools::creatures
