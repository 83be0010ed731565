#include "tools/creatures/background.h"

#include <algorithm>
#include <cmath>

namespace cutaway::tools::creatures {
namespace {

/// Calls colour(u, v, old) for each sample; u, v are the centre in units of the canvas side.
template <typename Colour>
void for_each_sample(Canvas& canvas, const Colour& colour) {
  const float unit = 1 / static_cast<float>(canvas.side);
  for (int y = 0; y < canvas.side; ++y) {
    for (int x = 0; x < canvas.side; ++x) {
      const Vec2 p{(static_cast<float>(x) + 0.5f) * unit, (static_cast<float>(y) + 0.5f) * unit};
      Color& c = canvas.at(x, y);
      c = colour(p, c);
    }
  }
}

void paint_disc(
    Canvas& canvas, Vec2 centre, float radius, Color color, float opacity, float softness) {
  const float edge = std::max(softness, 1.0f / static_cast<float>(canvas.side));
  for_each_sample(canvas, [&](Vec2 p, Color c) {
    const float d = length(p - centre) - radius;
    return mix(c, color, opacity * (1 - smoothstep(-edge, edge, d)));
  });
}

void paint_sky(Canvas& canvas, Random& random, const ScenePalette& p, float clutter) {
  const std::uint32_t seed = random.bits();
  const float clouds = random.uniform(0.1f, 0.5f) * (0.4f + 0.6f * clutter);
  const float threshold = random.uniform(0.45f, 0.62f);
  const Color white = mix(p.bottom, Color{1, 1, 1}, 0.55f);
  for_each_sample(canvas, [&](Vec2 q, Color) {
    const Color sky = mix(p.top, p.bottom, smoothstep(0, 0.8f, q.y));
    const float n = fractal_noise({q.x * 3.0f, q.y * 7.0f}, seed, 3);
    return mix(sky, white, clouds * smoothstep(threshold, threshold + 0.16f, n));
  });
  if (random.chance(0.6f)) {
    const Vec2 sun{random.uniform(0.1f, 0.9f), random.uniform(0.06f, 0.35f)};
    const float radius = random.uniform(0.05f, 0.12f);
    const Color glow = mix(p.accent, Color{1, 0.97f, 0.85f}, 0.5f);
    paint_disc(canvas, sun, radius * 2.2f, glow, 0.25f, radius);
    paint_disc(canvas, sun, radius, glow, 0.95f, 0);
  }
}

/// A range of hills: everything below a noisy line.
void paint_ridge(
    Canvas& canvas, Random& random, Color color, float level, float height, float clutter) {
  const std::uint32_t seed = random.bits();
  const float frequency = random.uniform(1.6f, 4.5f);
  const float side = static_cast<float>(canvas.side);
  const float grain = 0.05f + 0.13f * clutter;
  const float shade = random.uniform(0.75f, 0.92f);
  std::vector<float> line(static_cast<std::size_t>(canvas.side));
  for (int x = 0; x < canvas.side; ++x) {
    const float u = (static_cast<float>(x) + 0.5f) / side;
    const float n = fractal_noise({u * frequency, 0.5f}, seed, 3);
    line[static_cast<std::size_t>(x)] = level - height * n;
  }
  for_each_sample(canvas, [&](Vec2 q, Color c) {
    const float top = line[static_cast<std::size_t>(q.x * side)];
    const float cover = clamp01((q.y - top) * side + 0.5f);
    if (!(cover > 0)) return c;
    const float deep = smoothstep(0, 0.5f, q.y - top);
    const float n = fractal_noise({q.x * 9.0f, q.y * 16.0f}, seed + 9, 2) - 0.5f;
    return mix(c, color * (lerp(1.04f, shade, deep) + grain * 2 * n), cover);
  });
}

void paint_landscape(Canvas& canvas, Random& random, const ScenePalette& p, float clutter) {
  paint_sky(canvas, random, p, clutter);
  const float horizon = random.uniform(0.45f, 0.75f);
  const int ridges = random.below(3);
  if (ridges > 0) {
    paint_ridge(canvas, random, p.far, horizon, random.uniform(0.1f, 0.4f), clutter);
  }
  if (ridges > 1) {
    const float level = horizon + 0.06f;
    paint_ridge(canvas, random, p.near, level, random.uniform(0.06f, 0.25f), clutter);
  }
  paint_ridge(canvas, random, p.ground, horizon + 0.1f, random.uniform(0.01f, 0.08f), clutter);
}

/// Blends of two or three colours along warped noise, like a wet watercolour.
void paint_wash(Canvas& canvas, Random& random, const ScenePalette& p, float clutter) {
  const std::uint32_t seed = random.bits();
  const float scale = random.uniform(1.5f, 4.0f);
  const bool bright = random.chance(0.5f);
  const Color a = bright ? p.top : p.ground;
  const Color b = bright ? p.bottom : p.far;
  const Color d = random.chance(0.5f) ? p.near : p.leaf;
  const float third = 0.3f + 0.5f * clutter;
  for_each_sample(canvas, [&](Vec2 q, Color) {
    const float warp = value_noise(q * scale, seed + 5);
    const float n = fractal_noise(q * scale + Vec2{warp, -warp}, seed, 3);
    const float m = fractal_noise(q * (1.3f * scale), seed + 40, 2);
    const Color c = mix(a, b, smoothstep(0.25f, 0.75f, n));
    return mix(c, d, third * smoothstep(0.5f, 0.62f, m));
  });
}

/// A wall with a pattern and, mostly, a floor.
void paint_room(Canvas& canvas, Random& random, const ScenePalette& p, float clutter) {
  Material wall;
  wall.base = p.bottom;
  wall.second = mix(p.bottom, p.top, 0.4f + 0.4f * clutter);
  const int kind = random.below(4);
  wall.pattern = kind == 0   ? Pattern::kStripes
                 : kind == 1 ? Pattern::kDots
                 : kind == 2 ? Pattern::kScales
                             : Pattern::kPlain;
  wall.direction = polar(1, 45.0f * static_cast<float>(random.below(4)));
  wall.frequency = random.uniform(4.0f, 9.0f);
  wall.seed = random.bits();
  wall.grain = 0.05f;
  const float floor = random.chance(0.75f) ? random.uniform(0.6f, 0.85f) : 2.0f;
  const float side = static_cast<float>(canvas.side);
  const std::uint32_t seed = random.bits();
  for_each_sample(canvas, [&](Vec2 q, Color) {
    const Color paper = sample(wall, q) * (1.04f - 0.14f * q.y);
    const float cover = clamp01((q.y - floor) * side + 0.5f);
    const float skirting = clamp01((q.y - floor + 0.03f) * side + 0.5f);
    const float wood = fractal_noise({q.x * 3, q.y * 40}, seed, 2) - 0.5f;
    const Color boards = p.ground * (0.95f + 0.25f * wood);
    return mix(mix(paper, mix(p.near, p.bottom, 0.4f), skirting), boards, cover);
  });
}

/// Large overlapping discs on a gradient.
void paint_bokeh(Canvas& canvas, Random& random, const ScenePalette& p, float clutter) {
  const float tilt = random.around(0.5f);
  for_each_sample(canvas, [&](Vec2 q, Color) {
    return mix(p.top, p.bottom, smoothstep(0, 1, q.y + tilt * (q.x - 0.5f)));
  });
  const Color choices[4] = {p.far, p.near, p.leaf, p.accent};
  const int discs = 3 + static_cast<int>(6 * clutter);
  for (int k = 0; k < discs; ++k) {
    const Vec2 at{random.uniform(), random.uniform()};
    const float radius = random.uniform(0.05f, 0.24f);
    const Color color = choices[random.below(4)];
    const float opacity = random.uniform(0.2f, 0.6f);
    paint_disc(canvas, at, radius, color, opacity, random.uniform(0.0f, 0.05f));
  }
}

/// Water with slanted rays of light and a sandy floor.
void paint_water(Canvas& canvas, Random& random, const ScenePalette& p, float clutter) {
  const std::uint32_t seed = random.bits();
  const float slant = random.around(0.5f);
  const float rays = random.uniform(0.1f, 0.35f);
  const Color deep = mix(p.top, Color{0.10f, 0.30f, 0.45f}, 0.5f);
  const Color shallow = mix(p.bottom, Color{0.55f, 0.85f, 0.87f}, 0.5f);
  for_each_sample(canvas, [&](Vec2 q, Color) {
    const Color water = mix(shallow, deep, smoothstep(0, 1, q.y));
    const float beam = value_noise({(q.x + slant * q.y) * 9.0f, q.y * 0.7f}, seed);
    const float haze = fractal_noise(q * 4.0f, seed + 3, 2) - 0.5f;
    const Color lit =
        mix(water, Color{0.95f, 1, 0.98f}, rays * smoothstep(0.5f, 0.85f, beam) * (1 - 0.8f * q.y));
    return lit * (1 + 0.25f * clutter * haze);
  });
  if (random.chance(0.7f)) {
    const float level = random.uniform(0.8f, 0.98f);
    paint_ridge(canvas, random, p.ground, level, random.uniform(0.03f, 0.15f), clutter);
  }
}

}  // namespace

void paint_background(Canvas& canvas, Random& random, const ScenePalette& palette, float clutter) {
  const float pick = random.uniform();
  if (pick < 0.45f) return paint_landscape(canvas, random, palette, clutter);
  if (pick < 0.60f) return paint_wash(canvas, random, palette, clutter);
  if (pick < 0.75f) return paint_room(canvas, random, palette, clutter);
  if (pick < 0.87f) return paint_bokeh(canvas, random, palette, clutter);
  paint_water(canvas, random, palette, clutter);
}

}  // namespace cutaway::tools::creatures
