#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "explain/localization/dt_box.h"
#include "explain/localization/grab_cut.h"
#include "explain/localization/graph_cut.h"

namespace cutaway::explain {

/// How boxes come out of a map.
enum class BoxRule : std::uint8_t {
  kThreshold,  ///< largest component above a share of the maximum: one box
  kDt,         ///< the CAM authors' generator: loose and tight
  kGraphCut,   ///< saliency seeds colours, a minimum cut finds the object: one box
  kGrabCut     ///< the same idea with OpenCV's GrabCut, from grey levels: two boxes
};

/// "threshold", "dt", "graphcut", "grabcut".
[[nodiscard]] std::string to_string(BoxRule rule);
/// The inverse; throws kUsage, listing the names, on any other text.
[[nodiscard]] BoxRule parse_box_rule(std::string_view name);

struct BoxOptions {
  float threshold{0.2F};  ///< of kThreshold: share of the maximum, in [0, 1)
  DtBoxOptions dt;
  GraphCutOptions graph_cut;
  GrabCutOptions grab_cut;
  /// What grey levels go through before kDt and kGrabCut read them; empty: nothing. The authors
  /// stored them as JPEG.
  std::function<ByteMap(const ByteMap&)> stored;
};

struct FoundBoxes {
  std::vector<Box> boxes;  ///< largest first, in the map's pixels; never empty
  /// Nothing was found: the box is the whole picture (kGraphCut: see GraphCutResult).
  bool fallback{false};
};

/// Boxes of a map that lies on `picture` pixel by pixel. Throws as the rules do.
[[nodiscard]] FoundBoxes find_boxes(BoxRule rule,
                                    const Map& map,
                                    const Image& picture,
                                    const BoxOptions& options = {});

}  // namespace cutaway::explain
