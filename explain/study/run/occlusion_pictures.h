#pragma once

#include <functional>
#include <string>
#include <vector>

#include "explain/pictures/image.h"
#include "explain/render/colormap.h"
#include "explain/study/occlusion_study.h"

namespace cutaway::explain {

/// A projection of one unit, and what it is a projection of.
struct StudyProjection {
  Image picture;  ///< as large as the net's input; grey beyond what the unit sees
  Image photo;    ///< the picture it comes from, as the net sees it
  std::string caption, note;
};

/// What the panels (a) to (e) of one image show (Zeiler & Fergus 2013, figure 7).
struct OcclusionFigure {
  Image photo;
  Rgb fill;
  const OccluderGrid* grid{};
  const OcclusionPanels* panels{};
  double activation{0}, probability{0};  ///< of the image that nothing covers
  std::int64_t target{0};
  std::string class_name, map_name;
  /// Which position of the grid the example square of (a) is at.
  std::size_t example{0};
  StudyProjection own;
  Rect box;  ///< what its unit sees
  std::vector<StudyProjection> elsewhere;
  Colormap colormap{Colormap::kTurbo};
  bool bilinear{false};
};

/// Classes of panel (e), as its legend lists them: the true class first (where it occurs), then by
/// the number of positions; those beyond the colours are one entry at the end, with class -1.
struct LegendEntry {
  std::int64_t label;
  std::int64_t positions;
};
[[nodiscard]] std::vector<LegendEntry> class_legend(const std::vector<std::int64_t>& best,
                                                    std::int64_t target);

/// The panels in a row, the projections from elsewhere in a second one. `name_of` names a class.
[[nodiscard]] Image occlusion_picture(const OcclusionFigure& figure,
                                      const std::function<std::string(std::int64_t)>& name_of);

}  // namespace cutaway::explain
