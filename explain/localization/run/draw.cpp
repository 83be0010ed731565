#include "explain/localization/run/draw.h"

#include <algorithm>
#include <cmath>

#include "explain/pictures/draw.h"
#include "explain/render/render.h"

namespace cutaway::explain {
namespace {

constexpr Rgb kTrue{60, 220, 90}, kFirst{255, 40, 40}, kSecond{255, 220, 40}, kDark{0, 0, 0};

void outline(Image& image, Rect r, Rgb colour, int thickness) {
  draw_rect(image, {r.x - 1, r.y - 1, r.width + 2, r.height + 2}, 1, kDark);
  draw_rect(image, r, thickness, colour);
}

}  // namespace

Image draw_boxes(const LocalScene& scene,
                 const Map& map,
                 MapKind kind,
                 std::span<const RealBox> found,
                 std::span<const RealBox> truth) {
  Style style;
  style.blend = Blend::alpha(0.4F);
  // Pixel maps have a few outliers that would darken all the rest.
  if (kind == MapKind::kHeat) style.normalization = Normalization::percentile(0.99);
  Image image = overlay(scene.picture(), map, style).image;
  for (const RealBox& b : truth) outline(image, scene.in_picture(b), kTrue, 2);
  if (found.size() > 1) outline(image, scene.in_picture(found[1]), kSecond, 1);
  if (!found.empty()) outline(image, scene.in_picture(found[0]), kFirst, 2);
  return image;
}

Image thumbnail(const Image& image, int side) {
  const int longer = std::max(image.width, image.height);
  if (longer <= side) return image;
  const auto scaled = [&](int v) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(v) * side / longer)));
  };
  return resize(image, scaled(image.width), scaled(image.height), Resample::kBilinearPil);
}

}  // namespace cutaway::explain
