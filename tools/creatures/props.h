/// \file
/// Plants, stones and other things around and in front of the creature.
#pragma once

#include "tools/creatures/palette.h"
#include "tools/creatures/plan.h"

namespace cutaway::tools::creatures {

/// A random thing about 1 unit tall that stands on y = 0 (up is -y), centred on x = 0.
Plan random_prop(Random& random, const ScenePalette& palette);

/// A random thing to stand in front of the creature: grass, stone, bush, post or leafy branch.
Plan random_occluder(Random& random, const ScenePalette& palette);

/// One limb, wing, fin, ear or tail cut out of a whole creature, without its body; an empty plan
/// when the creature has none. `origin` receives its centre in the plan's units.
Plan isolated_part(const Plan& whole, Random& random, Vec2* origin);

}  // namespace cutaway::tools::creatures
