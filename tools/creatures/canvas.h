/// \file
/// Painting layers of shapes onto a supersampled picture, and keeping track of what is seen.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/creatures/primitive.h"
#include "tools/creatures/texture.h"

namespace cutaway::tools::creatures {

/// Shapes of one material, painted in one go.
struct Layer {
  std::vector<Primitive> shapes;
  std::vector<Primitive> clip;  ///< when not empty, nothing is painted outside their union
  Material material;
  float blend = 0;      ///< radius of the soft joins between groups of shapes (local units)
  float outline = 1;    ///< outline width as a multiple of the style's
  float roundness = 1;  ///< 0: flat, 1: shaded like a cushion
  float rise = 0.2f;    ///< over what distance from the rim a cushion rises (local units)
  float gloss = 0;      ///< strength of the highlight
  float opacity = 1;    ///< of the whole layer
  float shadow = 1;     ///< strength of the contact shadow on what lies beneath
  bool detail = false;  ///< a drawing on top of a part: it owns no samples itself
};

/// What all layers of one picture share. `light` is a unit vector towards the light, z towards the
/// viewer; `outline_width` is in samples.
struct Style {
  Color outline{0.15f, 0.12f, 0.18f};
  float outline_width = 1;
  float light_x = -0.4f, light_y = -0.55f, light_z = 0.73f;
  Color shade{0.55f, 0.50f, 0.68f};  ///< what a surface in full shade is multiplied by
};

/// How much of a part was drawn, in samples, whether or not something hides it later.
struct PartExtent {
  std::uint64_t family = 0;  ///< bits of the part itself and of the parts it sits on
  std::int64_t samples = 0;
  double sum_x = 0, sum_y = 0;
  int x0 = 1 << 30, y0 = 1 << 30, x1 = -1, y1 = -1;
};

/// A square picture of side * side samples.
struct Canvas {
  explicit Canvas(int samples)
      : side(samples),
        pixels(static_cast<std::size_t>(samples) * static_cast<std::size_t>(samples)),
        owners(pixels.size()) {}

  Color& at(int x, int y) {
    return pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(side) +
                  static_cast<std::size_t>(x)];
  }

  int side;
  std::vector<Color> pixels;
  std::vector<std::uint64_t> owners;  ///< per sample, one bit for each part seen there
};

enum class Role : std::uint8_t {
  kScenery,   ///< painted before the creature; owns nothing
  kCreature,  ///< samples go to the shapes' parts and to those parts' ancestors
  kOccluder,  ///< painted after the creature; takes its samples away
};

/// Paints one layer, placed by `frame`. `parts` is used for Role::kCreature only, indexed by
/// Primitive::part; at most 64 parts.
void paint(Canvas& canvas,
           const Layer& layer,
           const Frame& frame,
           const Style& style,
           Role role,
           std::vector<PartExtent>* parts);

/// A soft dark ellipse on the ground: centre, radii (samples), strength 0..1.
void paint_ground_shadow(Canvas& canvas, Vec2 centre, float rx, float ry, float strength);

/// The samples of the canvas within `margin` samples of the layer's shapes.
Window window_of(const Canvas& canvas, const std::vector<Primitive>& placed_shapes, float margin);

}  // namespace cutaway::tools::creatures
