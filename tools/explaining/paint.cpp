#include "tools/explaining/paint.h"

#include <algorithm>

#include "explain/render/panel.h"

namespace cutaway::tools {
namespace {

using explain::MapKind;

explain::Style style_for(const MapCell& cell, const PaintOptions& o) {
  if (cell.kind == MapKind::kSigned) return explain::Style::signed_map(o.clip);
  explain::Style style;
  style.colormap = o.colormap;
  style.blend = explain::Blend::alpha(o.heat_weight);
  if (cell.kind == MapKind::kScore) return style;
  style.normalization = explain::Normalization::positive();
  // Pixel maps of gradients have a few outliers that would darken all the rest.
  if (cell.layer == "input") style.normalization = explain::Normalization::percentile(o.clip);
  return style;
}

bool usable(const explain::Limits& limits) { return limits.low < limits.high; }

bool is_color_map(const MapCell& cell) {
  return cell.kind == MapKind::kReconstruction && (cell.channels == 1 || cell.channels == 3);
}

}  // namespace

explain::Limits natural_limits(const MapCell& cell, const PaintOptions& options) {
  const int height = static_cast<int>(cell.height);
  const int width = static_cast<int>(cell.width);
  if (is_color_map(cell)) {
    return explain::reconstruct(cell.values, static_cast<int>(cell.channels), height, width).limits;
  }
  return explain::normalize(explain::Map{cell.values, height, width},
                            style_for(cell, options).normalization)
      .limits;
}

explain::Limits widest(const explain::Limits& a, const explain::Limits& b) {
  if (!usable(a)) return b;
  if (!usable(b)) return a;
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

Painted paint(const MapCell& cell,
              const explain::Image& photo,
              const weights::Preprocess& rule,
              const PaintOptions& o,
              const std::optional<explain::Limits>& given) {
  const int height = static_cast<int>(cell.height);
  const int width = static_cast<int>(cell.width);
  const int channels = static_cast<int>(cell.channels);
  const std::optional<explain::Limits> limits = given ? given : cell.limits;
  const bool fixed = limits && usable(*limits);
  Painted painted;
  if (is_color_map(cell)) {
    explain::Reconstruction how;
    how.bgr = rule.order == weights::ColorOrder::kBgr;
    if (fixed) how.scale = limits->high;
    painted.colors = explain::reconstruct(cell.values, channels, height, width, how);
    painted.colors.colormap = explain::Colormap::kGray;
    painted.over_photo = false;
    return painted;
  }
  const explain::Map map{cell.values, height, width};
  explain::Style style = style_for(cell, o);
  if (fixed) style.normalization = explain::Normalization::fixed_limits(*limits);
  painted.colors = explain::colorize(map, photo.width, photo.height, style);
  return painted;
}

explain::Image figure(const Painted& painted, const explain::Image& photo, const PaintOptions& o) {
  if (!painted.over_photo) return painted.colors.image;
  const explain::Image over =
      explain::blend(photo, painted.colors.image, explain::Blend::alpha(o.heat_weight));
  if (photo.height < 64) return over;  // too small for a bar with numbers
  const explain::ColorBar bar =
      explain::color_bar(painted.colors.colormap, painted.colors.limits, photo.height);
  return explain::beside(over, bar.image, 6, explain::Rgb{255, 255, 255});
}

}  // namespace cutaway::tools
