#pragma once

#include <vector>

#include "explain/localization/box.h"

namespace cutaway::explain {

/// How overlapping rectangles are thinned out.
enum class Suppression : std::uint8_t {
  kAuthors,  ///< as released: after a removal the next rectangle is not looked at
  kClean     ///< every pair is
};

struct DtBoxOptions {
  std::vector<int> thresholds{20, 100, 110};  ///< grey levels, not per cent
  Suppression suppression{Suppression::kAuthors};
};

/// The box generator released with class activation maps (Zhou et al. 2016). For each threshold:
/// pixels above it, thinned at the rim (a distance transform, rescaled to 255 levels, above 10),
/// contours of the parts and of their holes, their rectangles clamped five pixels off the right and
/// lower border. All rectangles together, largest first, without those that overlap a larger one by
/// more than half of the larger area. May be empty.
[[nodiscard]] std::vector<Rect> dt_rectangles(const ByteMap& heat,
                                              const DtBoxOptions& options = {});

/// The first two as boxes, "loose" and "tight", with corners (x, y, x + w, y + h) as the authors
/// scored them: one pixel beyond the rectangle. The first twice when there is one, the whole
/// picture when there is none.
struct LooseTight {
  Box loose, tight;
};
[[nodiscard]] LooseTight loose_tight(const std::vector<Rect>& rectangles, int width, int height);

}  // namespace cutaway::explain
