#pragma once

#include <vector>

#include "explain/localization/box.h"

namespace cutaway::explain {

struct GrabCutOptions {
  int background{10};  ///< grey levels up to this are background for sure
  int foreground{40};  ///< above this, probably foreground; between, probably background
  int iterations{1};
  double least_area{10};  ///< contours of no larger area are left out
  std::uint64_t seed{0};
};

/// The other box generator released with class activation maps (Zhou et al. 2016): GrabCut (Rother
/// et al. 2004) started from a heat map's grey levels; rectangles of the foreground's outer
/// contours, largest first. Empty when there is no foreground, or nothing to tell apart. Throws
/// kShape when picture and heat map differ in extents.
[[nodiscard]] std::vector<Rect> grab_cut_rectangles(const Image& picture,
                                                    const ByteMap& heat,
                                                    const GrabCutOptions& options = {});

}  // namespace cutaway::explain
