/// \file
/// What lies behind the creature: sky and hills, wallpaper, washes of colour, water.
#pragma once

#include "tools/creatures/canvas.h"
#include "tools/creatures/palette.h"

namespace cutaway::tools::creatures {

/// Fills the whole canvas with a random background in the palette's colours. `clutter` in 0..1
/// strengthens the noise in it.
void paint_background(Canvas& canvas, Random& random, const ScenePalette& palette, float clutter);

}  // namespace cutaway::tools::creatures
