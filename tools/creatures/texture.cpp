#include "tools/creatures/texture.h"

#include <algorithm>
#include <cmath>

namespace cutaway::tools::creatures {
namespace {

float unit(std::uint32_t h) { return static_cast<float>(h >> 8) * 0x1p-24f; }

std::int32_t whole(float v) { return static_cast<std::int32_t>(v); }

/// Overlapping round scales in staggered rows: 1 at a scale's lower rim, 0 inside.
float scale_rim(Vec2 q) {
  const float row = std::floor(q.y);
  const float shift = (whole(row) & 1) != 0 ? 0.5f : 0.0f;
  const float u = q.x + shift;
  const float dx = u - std::floor(u) - 0.5f;
  const float dy = q.y - row;
  return smoothstep(0.55f, 0.8f, std::sqrt(dx * dx * 1.6f + dy * dy));
}

/// Regular staggered dots: 1 inside.
float dot_cover(Vec2 q) {
  const float row = std::floor(q.y);
  const float shift = (whole(row) & 1) != 0 ? 0.5f : 0.0f;
  const float u = q.x + shift;
  const Vec2 d{u - std::floor(u) - 0.5f, q.y - row - 0.5f};
  return 1 - smoothstep(0.22f, 0.32f, length(d));
}

float stripe_cover(const Material& m, Vec2 p) {
  const Vec2 warp = p * (0.4f * m.frequency);
  const float bend = value_noise(warp, m.seed) - 0.5f;
  const float s = sin_turns(dot(p, m.direction) * m.frequency + 0.9f * bend);
  return smoothstep(-0.05f, 0.35f, s);
}

float pattern_cover(const Material& m, Vec2 p) {
  const Vec2 q = p * m.frequency;
  switch (m.pattern) {
    case Pattern::kPlain:
      return 0;
    case Pattern::kGradient:
      return smoothstep(-0.45f, 0.45f, dot(p, m.direction));
    case Pattern::kStripes:
      return stripe_cover(m, p);
    case Pattern::kSpots: {
      std::uint32_t id = 0;
      const float d = cell_distance(q, m.seed, &id);
      const float radius = 0.24f + 0.16f * unit(id);
      return 1 - smoothstep(radius - 0.08f, radius + 0.04f, d);
    }
    case Pattern::kRings: {
      std::uint32_t id = 0;
      const float d = std::fabs(cell_distance(q, m.seed, &id) - 0.3f);
      return 1 - smoothstep(0.07f, 0.15f, d);
    }
    case Pattern::kPatches:
      return smoothstep(0.50f, 0.56f, fractal_noise(q * 0.5f, m.seed, 2));
    case Pattern::kFur: {
      const Vec2 across{-m.direction.y, m.direction.x};
      const Vec2 hair{dot(p, m.direction) * 5, dot(p, across) * 22};
      return smoothstep(0.35f, 0.75f, value_noise(hair, m.seed));
    }
    case Pattern::kScales:
      return scale_rim(q);
    case Pattern::kDots:
      return dot_cover(q);
  }
  return 0;
}

}  // namespace

std::uint32_t lattice_hash(std::int32_t x, std::int32_t y, std::uint32_t seed) {
  std::uint32_t h = seed * 0x9E3779B1u;
  h ^= static_cast<std::uint32_t>(x) * 0x85EBCA77u;
  h = (h ^ (h >> 15)) * 0xC2B2AE3Du;
  h ^= static_cast<std::uint32_t>(y) * 0x27D4EB2Fu;
  h = (h ^ (h >> 13)) * 0x165667B1u;
  return h ^ (h >> 16);
}

float value_noise(Vec2 p, std::uint32_t seed) {
  const float fx = std::floor(p.x);
  const float fy = std::floor(p.y);
  const std::int32_t x = whole(fx);
  const std::int32_t y = whole(fy);
  float u = p.x - fx;
  float v = p.y - fy;
  u = u * u * (3 - 2 * u);
  v = v * v * (3 - 2 * v);
  const float top = lerp(unit(lattice_hash(x, y, seed)), unit(lattice_hash(x + 1, y, seed)), u);
  const float low =
      lerp(unit(lattice_hash(x, y + 1, seed)), unit(lattice_hash(x + 1, y + 1, seed)), u);
  return lerp(top, low, v);
}

float fractal_noise(Vec2 p, std::uint32_t seed, int octaves) {
  float sum = 0;
  float weight = 1;
  float total = 0;
  for (int k = 0; k < octaves; ++k) {
    sum += weight * value_noise(p, seed + static_cast<std::uint32_t>(k));
    total += weight;
    weight *= 0.5f;
    p = p * 2.03f + Vec2{17.3f, 9.1f};
  }
  return sum / total;
}

float cell_distance(Vec2 p, std::uint32_t seed, std::uint32_t* id) {
  const std::int32_t x = whole(std::floor(p.x));
  const std::int32_t y = whole(std::floor(p.y));
  float best = 1e9f;
  for (std::int32_t dy = -1; dy <= 1; ++dy) {
    for (std::int32_t dx = -1; dx <= 1; ++dx) {
      const std::uint32_t h = lattice_hash(x + dx, y + dy, seed);
      const float jx = 0.2f + 0.6f * static_cast<float>(h & 0xFFFFu) * 0x1p-16f;
      const float jy = 0.2f + 0.6f * static_cast<float>(h >> 16) * 0x1p-16f;
      const Vec2 d{static_cast<float>(x + dx) + jx - p.x, static_cast<float>(y + dy) + jy - p.y};
      const float q = dot(d, d);
      if (q < best) {
        best = q;
        *id = h * 0x9E3779B1u;
      }
    }
  }
  return std::sqrt(best);
}

Color sample(const Material& m, Vec2 p) {
  Color c = mix(m.base, m.second, m.strength * pattern_cover(m, p));
  if (m.grain > 0) {
    c = c * (1 + m.grain * (2 * value_noise(p * 9.0f, m.seed + 77) - 1));
  }
  return c;
}

Material dimmed(const Material& material, float factor) {
  Material m = material;
  m.base = m.base * factor;
  m.second = m.second * factor;
  return m;
}

Material plain(Color color, float grain) {
  Material m;
  m.base = color;
  m.second = color;
  m.grain = grain;
  return m;
}

}  // namespace cutaway::tools::creatures
