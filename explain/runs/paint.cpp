#include "explain/runs/paint.h"

#include <algorithm>

#include "explain/render/panel.h"

namespace cutaway::explain {
namespace {

Style style_for(const MapCell& cell, const PaintOptions& o) {
  if (cell.kind == MapKind::kSigned) return Style::signed_map(o.clip);
  Style style;
  style.colormap = o.colormap;
  style.blend = Blend::alpha(o.heat_weight);
  if (cell.kind == MapKind::kScore) return style;
  style.normalization = Normalization::positive();
  // Pixel maps of gradients have a few outliers that would darken all the rest.
  if (cell.layer == "input") style.normalization = Normalization::percentile(o.clip);
  return style;
}

bool usable(const Limits& limits) { return limits.low < limits.high; }

bool is_color_map(const MapCell& cell) {
  return cell.kind == MapKind::kReconstruction && (cell.channels == 1 || cell.channels == 3);
}

}  // namespace

Limits natural_limits(const MapCell& cell, const PaintOptions& options) {
  const int height = static_cast<int>(cell.height);
  const int width = static_cast<int>(cell.width);
  if (is_color_map(cell)) {
    return reconstruct(cell.values, static_cast<int>(cell.channels), height, width).limits;
  }
  return normalize(Map{cell.values, height, width}, style_for(cell, options).normalization).limits;
}

Limits widest(const Limits& a, const Limits& b) {
  if (!usable(a)) return b;
  if (!usable(b)) return a;
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

Painted paint(const MapCell& cell,
              const Image& photo,
              const weights::Preprocess& rule,
              const PaintOptions& o,
              const std::optional<Limits>& given) {
  const int height = static_cast<int>(cell.height);
  const int width = static_cast<int>(cell.width);
  const int channels = static_cast<int>(cell.channels);
  const std::optional<Limits> limits = given ? given : cell.limits;
  const bool fixed = limits && usable(*limits);
  Painted painted;
  if (is_color_map(cell)) {
    Reconstruction how;
    how.bgr = rule.order == weights::ColorOrder::kBgr;
    if (fixed) how.scale = limits->high;
    painted.colors = reconstruct(cell.values, channels, height, width, how);
    painted.colors.colormap = Colormap::kGray;
    painted.over_photo = false;
    return painted;
  }
  const Map map{cell.values, height, width};
  Style style = style_for(cell, o);
  if (fixed) style.normalization = Normalization::fixed_limits(*limits);
  painted.colors = colorize(map, photo.width, photo.height, style);
  return painted;
}

Image figure(const Painted& painted, const Image& photo, const PaintOptions& o) {
  if (!painted.over_photo) return painted.colors.image;
  const Image over = blend(photo, painted.colors.image, Blend::alpha(o.heat_weight));
  if (photo.height < 64) return over;  // too small for a bar with numbers
  const ColorBar bar = color_bar(painted.colors.colormap, painted.colors.limits,
                                 painted.colors.extent, photo.height);
  return beside(over, bar.image, 6, Rgb{255, 255, 255});
}

}  // namespace cutaway::explain
