/// \file
/// From painted samples to pixels: averaging, photometric variation, masks and part truth.
#pragma once

#include <vector>

#include "tools/creatures/canvas.h"
#include "tools/creatures/creatures.h"
#include "tools/creatures/plan.h"
#include "tools/creatures/random.h"

namespace cutaway::tools::creatures {

/// 255 where at least half of a pixel's samples belong to a part. `supersample` divides the side.
std::vector<std::uint8_t> pixel_mask(const Canvas& canvas, int supersample);

/// Sets the box of `creature` to the extent of the mask; false when the mask is empty.
bool set_box(Creature& creature, const std::vector<std::uint8_t>& mask);

/// The truth of each part that owns a sample, from its extent and from what is still seen of it.
/// `mirrored` swaps the viewer's left and right in the names.
std::vector<PartTruth> part_truth(const Canvas& canvas,
                                  const Plan& plan,
                                  const std::vector<PartExtent>& extents,
                                  int supersample,
                                  bool mirrored);

/// Averages the samples of each pixel, varies brightness, contrast, colour cast and vignette, adds
/// sensor noise, all in proportion to `noise` in 0..1, and rounds to bytes.
std::vector<std::uint8_t> develop(const Canvas& canvas,
                                  int supersample,
                                  float noise,
                                  Random& random);

}  // namespace cutaway::tools::creatures
