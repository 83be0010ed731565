#include "tools/creatures/palette.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace cutaway::tools::creatures {
namespace {

/// Saturated greens and cyans look poisonous at the lightness other hues need: tone them down.
Color gentle(float hue, float saturation, float lightness) {
  const float turns = hue / 360.0f;
  const float h = (turns - std::floor(turns)) * 360.0f;
  const float green = clamp01(1 - std::fabs(h - 125.0f) / 60.0f);
  return hsl(hue, saturation * (1 - 0.45f * green), lightness * (1 - 0.08f * green));
}

Material random_pattern(Random& random, Color base, Color second, float texture) {
  constexpr std::array<Pattern, kPatternCount> kAll{
      Pattern::kPlain,   Pattern::kGradient, Pattern::kStripes, Pattern::kSpots, Pattern::kRings,
      Pattern::kPatches, Pattern::kFur,      Pattern::kScales,  Pattern::kDots};
  Material m;
  m.base = base;
  m.second = second;
  const int kind = random.below(kPatternCount);
  if (random.chance(0.25f + 0.6f * texture)) m.pattern = kAll[static_cast<std::size_t>(kind)];
  m.direction = polar(1, random.uniform(0.0f, 180.0f));
  m.frequency = random.uniform(5.0f, 9.0f);
  if (m.pattern == Pattern::kStripes) m.frequency *= 0.75f;
  if (m.pattern == Pattern::kScales) m.frequency *= 1.1f;
  m.strength = random.uniform(0.55f, 0.95f);
  m.grain = random.uniform(0.02f, 0.09f);
  m.seed = random.bits();
  return m;
}

struct SceneColors {
  unsigned top, bottom, far, near, ground, accent, leaf, stone;
};

/// Hand-picked harmonies: day, sunset, night, forest, desert, snow, sea, meadow, pastel, dusk.
constexpr std::array<SceneColors, 12> kScenes{{
    {0x8EC9E8, 0xE6F4F1, 0xA9CDB4, 0x7FB38A, 0x9CC27B, 0xF2C14E, 0x4F9D69, 0x9AA3A8},
    {0xF6A77B, 0xFCE3BF, 0xC98BA0, 0x8E6C8A, 0xB98B6E, 0xF25F5C, 0x6B7B4F, 0x8A7B84},
    {0x2E3560, 0x6B6FA8, 0x3F4779, 0x30375F, 0x3A4A5F, 0xF4E4A6, 0x3F6F63, 0x646B8A},
    {0xB9D8A8, 0xF0F2CE, 0x6FA287, 0x3F7A5E, 0x6E8B4A, 0xE07A5F, 0x2F6B4F, 0x7C8574},
    {0xF3D9A4, 0xFBF0D5, 0xE0B07A, 0xC98F5A, 0xE5C38E, 0x5FA8A0, 0x7D9A5B, 0xB58C6C},
    {0xBBD6EA, 0xF3F8FB, 0xC9DBE8, 0xA8C3D8, 0xEDF3F7, 0xD1495B, 0x5C8D89, 0x9FB1BF},
    {0x1F7A99, 0x8FD6D2, 0x2B93A6, 0x1A6480, 0xE4CF9B, 0xFF8C61, 0x3FA37C, 0x6F8F9B},
    {0xF7D6E0, 0xFFF4EA, 0xE8B7C8, 0xC9A3C9, 0xD9C7E8, 0x7FB7BE, 0x9BBF85, 0xB7AFC4},
    {0x7C83BD, 0xF4B9B8, 0x6F6A9E, 0x4C4A78, 0x5D5A7F, 0xFFD08A, 0x4E7A72, 0x7F7B97},
    {0xE9E2D0, 0xF7F3E8, 0xC9B79C, 0xA58E6F, 0xB7A07E, 0x3D7EA6, 0x7B8F57, 0x8F8A80},
    {0x4FB3BF, 0xD3F0E3, 0x6CC2A1, 0x38987A, 0x70B85C, 0xFFB347, 0x2E8157, 0x87949A},
    {0x3B4252, 0x7A8799, 0x4C566A, 0x39414F, 0x565E6B, 0xEBCB8B, 0x6E8F6B, 0x7B8490},
}};

/// Turns the hue a little and changes the brightness: the same shift for the whole palette.
Color shifted(unsigned hex, Color tint, float gain) {
  const Color c = rgb(hex) * gain + tint;
  return {clamp01(c.r), clamp01(c.g), clamp01(c.b)};
}

}  // namespace

Wardrobe random_wardrobe(Random& random, float texture) {
  Wardrobe w;
  const float hue = random.uniform(0.0f, 360.0f);
  const float saturation = random.uniform(0.28f, 0.82f);
  const float lightness = random.uniform(0.42f, 0.74f);
  const Color base = gentle(hue, saturation, lightness);
  const int scheme = random.below(5);
  Color second;
  if (scheme == 0) second = gentle(hue + 8, saturation, std::max(0.2f, lightness - 0.22f));
  if (scheme == 1) second = gentle(hue - 12, saturation * 0.9f, std::min(0.9f, lightness + 0.2f));
  if (scheme == 2) second = gentle(hue + 38, saturation, lightness - 0.08f);
  if (scheme == 3) second = gentle(hue + 180, saturation * 0.7f, 1.05f - lightness);
  if (scheme == 4) second = hsl(38, 0.55f, 0.88f);
  // The underside is cream, a tint of the coat, or the second colour: its share of the surface
  // differs between classes, so that a fixed colour would tell the class.
  const int underside = random.below(3);
  const float tint = random.uniform(0.05f, 0.3f);
  Color below = mix(hsl(36, 0.6f, 0.9f), base, tint);
  if (underside == 1) below = mix(base, Color{1, 1, 1}, 0.2f + tint);
  if (underside == 2) below = mix(second, Color{1, 1, 1}, tint);
  const float accent_turn = random.uniform(130.0f, 230.0f);
  const Color accent = gentle(hue + accent_turn, 0.7f, 0.62f);
  w.coat = random_pattern(random, base, second, texture);
  w.second = random_pattern(random, second, mix(base, accent, 0.35f), texture);
  if (random.chance(0.4f)) {
    const Color other = gentle(hue + random.around(70.0f), 0.6f, 0.58f);
    w.second = random_pattern(random, other, second, texture);
  }
  w.belly = plain(below);
  w.accent = plain(accent);
  w.dark = plain(gentle(hue + 20, 0.35f, 0.13f), 0);
  w.light = plain(Color{0.985f, 0.975f, 0.95f}, 0);
  w.iris = gentle(random.uniform(0.0f, 360.0f), 0.6f, 0.45f);
  w.simple_eyes = random.chance(0.3f);
  w.gloss = random.chance(0.4f) ? random.uniform(0.2f, 0.6f) : 0;
  return w;
}

ScenePalette random_scene_palette(Random& random) {
  const SceneColors& s =
      kScenes[static_cast<std::size_t>(random.below(static_cast<int>(kScenes.size())))];
  const float gain = random.uniform(0.9f, 1.06f);
  const Color tint{random.around(0.05f), random.around(0.05f), random.around(0.05f)};
  ScenePalette p;
  p.top = shifted(s.top, tint, gain);
  p.bottom = shifted(s.bottom, tint, gain);
  p.far = shifted(s.far, tint, gain);
  p.near = shifted(s.near, tint, gain);
  p.ground = shifted(s.ground, tint, gain);
  p.accent = shifted(s.accent, tint, gain);
  p.leaf = shifted(s.leaf, tint, gain);
  p.stone = shifted(s.stone, tint, gain);
  return p;
}

}  // namespace cutaway::tools::creatures
