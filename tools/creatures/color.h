/// \file
/// Colours (display-referred red, green, blue; nominal range 0..1) and how to mix them.
#pragma once

#include <algorithm>
#include <cmath>

namespace cutaway::tools::creatures {

struct Color {
  float r = 0, g = 0, b = 0;
};

inline Color operator+(Color a, Color b) { return {a.r + b.r, a.g + b.g, a.b + b.b}; }
inline Color operator*(Color a, float s) { return {a.r * s, a.g * s, a.b * s}; }
inline Color operator*(Color a, Color b) { return {a.r * b.r, a.g * b.g, a.b * b.b}; }
inline Color mix(Color a, Color b, float t) {
  return {a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

inline float luminance(Color c) { return 0.299f * c.r + 0.587f * c.g + 0.114f * c.b; }

/// Rough perceived difference: brightness counts double.
inline float contrast(Color a, Color b) {
  const float l = luminance(a) - luminance(b);
  const float dr = a.r - b.r;
  const float dg = a.g - b.g;
  const float db = a.b - b.b;
  return std::sqrt(4 * l * l + (dr * dr + dg * dg + db * db) / 3);
}

/// Hue in degrees (any real number), saturation and lightness in 0..1.
inline Color hsl(float hue, float saturation, float lightness) {
  const float turns = hue / 360.0f;
  const float h = (turns - std::floor(turns)) * 6;
  const float c = saturation * (1 - std::fabs(2 * lightness - 1));
  const auto channel = [&](float shift) {
    float k = h + shift;
    if (k >= 6) k -= 6;
    const float ramp = std::clamp(std::fabs(k - 3) - 1, 0.0f, 1.0f);
    return lightness + c * (ramp - 0.5f);
  };
  return {channel(0), channel(4), channel(2)};
}

/// 0xRRGGBB.
inline Color rgb(unsigned hex) {
  return {static_cast<float>((hex >> 16) & 255u) / 255.0f,
          static_cast<float>((hex >> 8) & 255u) / 255.0f, static_cast<float>(hex & 255u) / 255.0f};
}

}  // namespace cutaway::tools::creatures
