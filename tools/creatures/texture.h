/// \file
/// Procedural noise and the materials shapes are filled with.
#pragma once

#include <cstdint>

#include "tools/creatures/color.h"
#include "tools/creatures/geometry.h"

namespace cutaway::tools::creatures {

/// A hash of two integers and a seed; the source of all lattice noise.
std::uint32_t lattice_hash(std::int32_t x, std::int32_t y, std::uint32_t seed);

/// Value noise in [0, 1] with unit cells, smooth in between.
float value_noise(Vec2 p, std::uint32_t seed);

/// Sum of `octaves` of value noise, each of half the amplitude and twice the frequency; in [0, 1].
float fractal_noise(Vec2 p, std::uint32_t seed, int octaves);

/// Distance from p to the nearest jittered lattice point (unit cells); `id` receives its hash.
float cell_distance(Vec2 p, std::uint32_t seed, std::uint32_t* id);

enum class Pattern : std::uint8_t {
  kPlain,
  kGradient,
  kStripes,
  kSpots,
  kRings,
  kPatches,
  kFur,
  kScales,
  kDots,
};
constexpr int kPatternCount = 9;

/// How a shape is filled. Coordinates are the creature's own (about 1 unit tall), so that a
/// pattern moves and scales with its bearer.
struct Material {
  Pattern pattern = Pattern::kPlain;
  Color base{0.8f, 0.8f, 0.8f};
  Color second{0.6f, 0.6f, 0.6f};
  Vec2 direction{1, 0};    ///< unit vector across stripes, along gradients and fur
  float frequency = 6;     ///< repeats per unit
  float strength = 1;      ///< how far the pattern goes from base to second, 0..1
  float grain = 0.05f;     ///< amplitude of the soft irregularity in brightness
  std::uint32_t seed = 1;  ///< of the noise in it
};

/// The unlit colour at p.
Color sample(const Material& material, Vec2 p);

/// A copy whose colours are multiplied by `factor` (limbs on the far side).
Material dimmed(const Material& material, float factor);

/// A material of one colour.
Material plain(Color color, float grain = 0.03f);

}  // namespace cutaway::tools::creatures
