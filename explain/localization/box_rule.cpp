#include "explain/localization/box_rule.h"

#include <array>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::array<std::string_view, 4> kNames{"threshold", "dt", "graphcut", "grabcut"};

ByteMap levels(const Map& map, const BoxOptions& options) {
  ByteMap gray = gray_levels(map);
  return options.stored ? options.stored(gray) : gray;
}

FoundBoxes boxes_of(const std::vector<Rect>& rectangles, const Map& map) {
  const LooseTight both = loose_tight(rectangles, map.width, map.height);
  FoundBoxes found{{both.loose}, rectangles.empty()};
  if (rectangles.size() > 1) found.boxes.push_back(both.tight);
  return found;
}

FoundBoxes box_of(const std::optional<Box>& box, const Map& map, bool fallback) {
  if (box) return {{*box}, fallback};
  return {{{0, 0, map.width - 1, map.height - 1}}, true};
}

}  // namespace

std::string to_string(BoxRule rule) { return std::string(kNames[static_cast<std::size_t>(rule)]); }

BoxRule parse_box_rule(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<BoxRule>(i);
  }
  throw Error(ErrorKind::kUsage, "unknown rule for boxes")
      .expected("threshold, dt, graphcut or grabcut")
      .got("'" + std::string(name) + "'");
}

FoundBoxes find_boxes(BoxRule rule, const Map& map, const Image& picture, const BoxOptions& o) {
  validate(map, "map to localise");
  switch (rule) {
    case BoxRule::kThreshold:
      if (!(o.threshold >= 0.0F && o.threshold < 1.0F)) {
        throw Error(ErrorKind::kUsage, "threshold of a box").expected("in [0, 1)");
      }
      return box_of(largest_component(map, o.threshold), map, false);
    case BoxRule::kDt:
      return boxes_of(dt_rectangles(levels(map, o), o.dt), map);
    case BoxRule::kGraphCut: {
      const GraphCutResult cut = graph_cut(picture, map, o.graph_cut);
      return box_of(cut.box, map, cut.fallback);
    }
    case BoxRule::kGrabCut:
      return boxes_of(grab_cut_rectangles(picture, levels(map, o), o.grab_cut), map);
  }
  throw Error(ErrorKind::kInternal, "unknown rule for boxes");
}

}  // namespace cutaway::explain
