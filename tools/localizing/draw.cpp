#include "tools/localizing/draw.h"

#include <algorithm>
#include <cmath>

#include "explain/render/draw.h"
#include "explain/render/render.h"

namespace cutaway::tools {
namespace {

constexpr explain::Rgb kTrue{60, 220, 90}, kFirst{255, 40, 40}, kSecond{255, 220, 40},
    kDark{0, 0, 0};

void outline(explain::Image& image, explain::Rect r, explain::Rgb colour, int thickness) {
  explain::draw_rect(image, {r.x - 1, r.y - 1, r.width + 2, r.height + 2}, 1, kDark);
  explain::draw_rect(image, r, thickness, colour);
}

}  // namespace

explain::Image draw_boxes(const LocalScene& scene,
                          const explain::Map& map,
                          explain::MapKind kind,
                          std::span<const explain::RealBox> found,
                          std::span<const explain::RealBox> truth) {
  explain::Style style;
  style.blend = explain::Blend::alpha(0.4F);
  // Pixel maps have a few outliers that would darken all the rest.
  if (kind == explain::MapKind::kHeat)
    style.normalization = explain::Normalization::percentile(0.99);
  explain::Image image = explain::overlay(scene.picture(), map, style).image;
  for (const explain::RealBox& b : truth) outline(image, scene.in_picture(b), kTrue, 2);
  if (found.size() > 1) outline(image, scene.in_picture(found[1]), kSecond, 1);
  if (!found.empty()) outline(image, scene.in_picture(found[0]), kFirst, 2);
  return image;
}

explain::Image thumbnail(const explain::Image& image, int side) {
  const int longer = std::max(image.width, image.height);
  if (longer <= side) return image;
  const auto scaled = [&](int v) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(v) * side / longer)));
  };
  return explain::resize(image, scaled(image.width), scaled(image.height),
                         explain::Resample::kBilinearPil);
}

}  // namespace cutaway::tools
