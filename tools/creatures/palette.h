/// \file
/// Random but harmonious colours for creatures and scenes. No colour depends on the class.
#pragma once

#include "tools/creatures/random.h"
#include "tools/creatures/texture.h"

namespace cutaway::tools::creatures {

/// The materials one creature is dressed in.
struct Wardrobe {
  Material coat;    ///< most of the body
  Material second;  ///< wings, fins, shells, manes
  Material belly;   ///< light underside, muzzle
  Material accent;  ///< beak, inner ears, cheeks, feet
  Material dark;    ///< pupils, noses, mouth lines
  Material light;   ///< eyeballs, teeth, tusks
  Color iris;
  bool simple_eyes = false;  ///< dark button eyes instead of eyeballs with iris and pupil
  float gloss = 0;
};

/// Draws a wardrobe; `texture` in 0..1 scales how often and how strongly coats are patterned.
Wardrobe random_wardrobe(Random& random, float texture);

/// The colours of a background.
struct ScenePalette {
  Color top, bottom;     ///< sky or wall
  Color far, near;       ///< hills
  Color ground, accent;  ///< floor and small things
  Color leaf, stone;
};

ScenePalette random_scene_palette(Random& random);

}  // namespace cutaway::tools::creatures
