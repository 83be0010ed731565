#include "explain/localization/box.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace cutaway::explain {

double iou(const Box& a, const Box& b) {
  const auto area = [](const Box& r) {
    return static_cast<double>((r.x2 - r.x1 + 1) * (r.y2 - r.y1 + 1));
  };
  const std::int64_t w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1) + 1;
  const std::int64_t h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1) + 1;
  if (w <= 0 || h <= 0) return 0.0;
  const double shared = static_cast<double>(w * h);
  return shared / (area(a) + area(b) - shared);
}

std::optional<Box> largest_component(const Map& map, float threshold) {
  validate(map, "map to localise");
  const float most = *std::max_element(map.values.begin(), map.values.end());
  if (!(most > 0.0f)) return std::nullopt;
  cv::Mat binary(map.height, map.width, CV_8U);
  for (int y = 0; y < map.height; ++y) {
    for (int x = 0; x < map.width; ++x) {
      binary.at<std::uint8_t>(y, x) = map.at(y, x) > threshold * most ? 1 : 0;
    }
  }
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(binary, labels, stats, centres, 8, CV_32S);
  int best = 0;
  // Component 0 is the background; the others are numbered by their first pixel.
  for (int i = 1; i < count; ++i) {
    const bool larger = best == 0 || stats.at<int>(i, cv::CC_STAT_AREA) > stats.at<int>(best, cv::CC_STAT_AREA);
    if (larger) best = i;
  }
  if (best == 0) return std::nullopt;
  const std::int64_t x = stats.at<int>(best, cv::CC_STAT_LEFT);
  const std::int64_t y = stats.at<int>(best, cv::CC_STAT_TOP);
  return Box{x, y, x + stats.at<int>(best, cv::CC_STAT_WIDTH) - 1,
             y + stats.at<int>(best, cv::CC_STAT_HEIGHT) - 1};
}

}  // namespace cutaway::explain
