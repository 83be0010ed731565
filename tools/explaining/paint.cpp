#include "tools/explaining/paint.h"

#include "explain/render/panel.h"

namespace cutaway::tools {
namespace {

using explain::MapKind;

std::span<const float> values_of(const Tensor& map, std::int64_t n) {
  const auto size = static_cast<std::size_t>(map.shape().c * map.shape().plane());
  return map.f32().subspan(static_cast<std::size_t>(n) * size, size);
}

explain::Style style_for(const explain::Explanation& e, const PaintOptions& o) {
  if (e.kind == MapKind::kSigned) return explain::Style::signed_map(o.clip);
  explain::Style style;
  style.colormap = o.colormap;
  style.blend = explain::Blend::alpha(o.heat_weight);
  if (e.kind == MapKind::kScore) return style;
  style.normalization = explain::Normalization::positive();
  // Pixel maps of gradients have a few outliers that would darken all the rest.
  if (e.layer == "input") style.normalization = explain::Normalization::percentile(o.clip);
  return style;
}

}  // namespace

Painted paint(const explain::Explanation& e, std::int64_t n, const explain::Image& photo,
              const weights::Preprocess& rule, const PaintOptions& o) {
  const int height = static_cast<int>(e.map.shape().h);
  const int width = static_cast<int>(e.map.shape().w);
  const int channels = static_cast<int>(e.map.shape().c);
  Painted painted;
  if (e.kind == MapKind::kReconstruction && (channels == 1 || channels == 3)) {
    explain::Reconstruction how;
    how.bgr = rule.order == weights::ColorOrder::kBgr;
    painted.colors = explain::reconstruct(values_of(e.map, n), channels, height, width, how);
    painted.colors.colormap = explain::Colormap::kGray;
    painted.over_photo = false;
    painted.figure = painted.colors.image;
    return painted;
  }
  const explain::Map map{values_of(e.map, n), height, width};
  const explain::Style style = style_for(e, o);
  painted.colors = explain::colorize(map, photo.width, photo.height, style);
  const explain::Image over = explain::blend(photo, painted.colors.image, style.blend);
  if (photo.height < 64) {  // too small for a bar with numbers
    painted.figure = over;
    return painted;
  }
  const explain::ColorBar bar =
      explain::color_bar(painted.colors.colormap, painted.colors.limits, photo.height);
  painted.figure = explain::beside(over, bar.image, 6, explain::Rgb{255, 255, 255});
  return painted;
}

}  // namespace cutaway::tools
