/// \file
/// The ten kinds of creature.
#pragma once

#include "tools/creatures/anatomy.h"

namespace cutaway::tools::creatures {

/// Draws one creature of the kind into `artist.plan`.
using DrawSpecies = void (*)(Artist&);

void draw_cat(Artist& artist);
void draw_rabbit(Artist& artist);
void draw_elephant(Artist& artist);
void draw_giraffe(Artist& artist);
void draw_turtle(Artist& artist);
void draw_bird(Artist& artist);
void draw_fish(Artist& artist);
void draw_butterfly(Artist& artist);
void draw_octopus(Artist& artist);
void draw_snail(Artist& artist);

/// Draws a creature of class `label` in 0..9 with the given wardrobe and pose freedom.
Plan draw_species(int label, Random& random, const Wardrobe& wardrobe, float pose);

}  // namespace cutaway::tools::creatures
