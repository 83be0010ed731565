#include "tools/localizing/scene.h"

#include <algorithm>
#include <cmath>

#include "tools/images/preprocess.h"

namespace cutaway::tools {

LocalScene::LocalScene(const explain::Image& file, const weights::Preprocess& rule, int side)
    : width_(file.width), height_(file.height), seen_(seen_part(file.width, file.height, rule)) {
  const bool whole = seen_ == explain::Rect{0, 0, file.width, file.height};
  picture_ = whole ? file : explain::crop(file, seen_);
  const int longer = std::max(seen_.width, seen_.height);
  if (side <= 0 || longer <= side) return;
  const auto scaled = [&](int v) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(v) * side / longer)));
  };
  picture_ = explain::resize(picture_, scaled(seen_.width), scaled(seen_.height),
                             explain::Resample::kBilinearPil);
}

std::vector<float> LocalScene::enlarge(const explain::Map& map, explain::Resample how) const {
  return explain::resize(map, picture_.height, picture_.width, how);
}

explain::RealBox LocalScene::in_file(const explain::Box& box) const {
  // Pixel x covers [x, x + 1).
  const auto x = [&](std::int64_t v) {
    return seen_.x + static_cast<double>(v * seen_.width) / picture_.width;
  };
  const auto y = [&](std::int64_t v) {
    return seen_.y + static_cast<double>(v * seen_.height) / picture_.height;
  };
  return {x(box.x1), y(box.y1), x(box.x2 + 1) - 1, y(box.y2 + 1) - 1};
}

explain::Rect LocalScene::in_picture(const explain::RealBox& box) const {
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

std::vector<explain::Box> LocalScene::scaled(std::span<const explain::RealBox> boxes,
                                             int side) const {
  std::vector<explain::Box> all;
  for (const explain::RealBox& b : boxes) {
    const double right = seen_.width - 1, lower = seen_.height - 1;
    const explain::RealBox in{
        std::clamp(b.x1 - seen_.x, 0.0, right), std::clamp(b.y1 - seen_.y, 0.0, lower),
        std::clamp(b.x2 - seen_.x, 0.0, right), std::clamp(b.y2 - seen_.y, 0.0, lower)};
    all.push_back(explain::scaled_truth(in, seen_.width, seen_.height, side));
  }
  return all;
}

}  // namespace cutaway::tools
