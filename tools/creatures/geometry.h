/// \file
/// Plane geometry of the creature renderer: vectors, angles, placements.
#pragma once

#include <cmath>

namespace cutaway::tools::creatures {

/// A point or direction; x runs to the right, y runs down, as in pictures.
struct Vec2 {
  float x = 0;
  float y = 0;
};

inline Vec2 operator+(Vec2 a, Vec2 b) { return {a.x + b.x, a.y + b.y}; }
inline Vec2 operator-(Vec2 a, Vec2 b) { return {a.x - b.x, a.y - b.y}; }
inline Vec2 operator*(Vec2 a, float s) { return {a.x * s, a.y * s}; }
inline float dot(Vec2 a, Vec2 b) { return a.x * b.x + a.y * b.y; }
inline float length(Vec2 a) { return std::sqrt(dot(a, a)); }
inline float lerp(float a, float b, float t) { return a + (b - a) * t; }
inline Vec2 lerp(Vec2 a, Vec2 b, float t) { return a + (b - a) * t; }
inline float clamp01(float v) { return v < 0 ? 0.0f : (v > 1 ? 1.0f : v); }

/// 0 below lo, 1 above hi, cubic in between (lo < hi).
inline float smoothstep(float lo, float hi, float v) {
  const float t = clamp01((v - lo) / (hi - lo));
  return t * t * (3 - 2 * t);
}

/// Sine of an angle in turns (1 = 360 degrees). Own polynomial, since the C library's sine may
/// differ in the last bit from one machine to the next; error below 1e-6.
inline float sin_turns(float turns) {
  float t = turns - std::floor(turns + 0.5f);
  if (t > 0.25f) t = 0.5f - t;
  if (t < -0.25f) t = -0.5f - t;
  const float x = t * 6.2831853f;
  const float q = x * x;
  return x * (1 + q * (-1.0f / 6 +
                       q * (1.0f / 120 +
                            q * (-1.0f / 5040 + q * (1.0f / 362880 - q * (1.0f / 39916800))))));
}

inline float cos_turns(float turns) { return sin_turns(turns + 0.25f); }

/// The vector of the given length at `degrees` clockwise (as seen in the picture) from +x.
inline Vec2 polar(float len, float degrees) {
  const float t = degrees / 360.0f;
  return {len * cos_turns(t), len * sin_turns(t)};
}

/// A similarity placement, local -> outer: scale, optional mirror in x, rotation, translation.
struct Frame {
  Vec2 origin;
  Vec2 axis{1, 0};  ///< unit vector: where the rotated local +x points
  float scale = 1;
  bool mirrored = false;

  static Frame at(Vec2 origin, float degrees, float scale = 1, bool mirrored = false) {
    return {origin, polar(1, degrees), scale, mirrored};
  }
  Vec2 direction(Vec2 v) const {
    const float x = mirrored ? -v.x : v.x;
    return {axis.x * x - axis.y * v.y, axis.y * x + axis.x * v.y};
  }
  Vec2 operator()(Vec2 p) const { return origin + direction(p) * scale; }
  Vec2 inverse(Vec2 p) const {
    const Vec2 d = (p - origin) * (1 / scale);
    const Vec2 r{axis.x * d.x + axis.y * d.y, axis.x * d.y - axis.y * d.x};
    return {mirrored ? -r.x : r.x, r.y};
  }
};

/// An axis-aligned rectangle of real coordinates.
struct Bounds {
  float x0 = 1e9f, y0 = 1e9f, x1 = -1e9f, y1 = -1e9f;

  bool empty() const { return x1 < x0 || y1 < y0; }
  float width() const { return x1 - x0; }
  float height() const { return y1 - y0; }
  Vec2 centre() const { return {(x0 + x1) / 2, (y0 + y1) / 2}; }
  void add(Vec2 p, float radius) {
    x0 = std::fmin(x0, p.x - radius);
    y0 = std::fmin(y0, p.y - radius);
    x1 = std::fmax(x1, p.x + radius);
    y1 = std::fmax(y1, p.y + radius);
  }
  void add(const Bounds& b) {
    if (b.empty()) return;
    add({b.x0, b.y0}, 0);
    add({b.x1, b.y1}, 0);
  }
};

}  // namespace cutaway::tools::creatures
