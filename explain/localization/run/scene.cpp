#include "explain/localization/run/scene.h"

#include <algorithm>
#include <cmath>

#include "explain/pictures/preprocess.h"

namespace cutaway::explain {

LocalScene::LocalScene(const Image& file, const weights::Preprocess& rule, int side)
    : width_(file.width), height_(file.height), seen_(seen_part(file.width, file.height, rule)) {
  const bool whole = seen_ == Rect{0, 0, file.width, file.height};
  picture_ = whole ? file : crop(file, seen_);
  const int longer = std::max(seen_.width, seen_.height);
  if (side <= 0 || longer <= side) return;
  const auto scaled = [&](int v) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(v) * side / longer)));
  };
  picture_ = resize(picture_, scaled(seen_.width), scaled(seen_.height), Resample::kBilinearPil);
}

std::vector<float> LocalScene::enlarge(const Map& map, Resample how) const {
  return resize(map, picture_.height, picture_.width, how);
}

RealBox LocalScene::in_file(const Box& box) const {
  // Pixel x covers [x, x + 1).
  const auto x = [&](std::int64_t v) {
    return seen_.x + static_cast<double>(v * seen_.width) / picture_.width;
  };
  const auto y = [&](std::int64_t v) {
    return seen_.y + static_cast<double>(v * seen_.height) / picture_.height;
  };
  return {x(box.x1), y(box.y1), x(box.x2 + 1) - 1, y(box.y2 + 1) - 1};
}

Rect LocalScene::in_picture(const RealBox& box) const {
  const double sx = static_cast<double>(picture_.width) / seen_.width;
  const double sy = static_cast<double>(picture_.height) / seen_.height;
  const auto at = [](double v, int most) {
    return static_cast<int>(std::lround(std::clamp(v, 0.0, static_cast<double>(most))));
  };
  const int x1 = at((box.x1 - seen_.x) * sx, picture_.width - 1);
  const int y1 = at((box.y1 - seen_.y) * sy, picture_.height - 1);
  const int x2 = at((box.x2 + 1 - seen_.x) * sx, picture_.width);
  const int y2 = at((box.y2 + 1 - seen_.y) * sy, picture_.height);
  return {x1, y1, std::max(1, x2 - x1), std::max(1, y2 - y1)};
}

std::vector<Box> LocalScene::scaled(std::span<const RealBox> boxes, int side) const {
  std::vector<Box> all;
  for (const RealBox& b : boxes) {
    const double right = seen_.width - 1, lower = seen_.height - 1;
    const RealBox in{std::clamp(b.x1 - seen_.x, 0.0, right), std::clamp(b.y1 - seen_.y, 0.0, lower),
                     std::clamp(b.x2 - seen_.x, 0.0, right),
                     std::clamp(b.y2 - seen_.y, 0.0, lower)};
    all.push_back(scaled_truth(in, seen_.width, seen_.height, side));
  }
  return all;
}

}  // namespace cutaway::explain
