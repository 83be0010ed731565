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

std::optional<Component> largest_component(const ByteMap& mask) {
  validate(mask, "mask");
  // OpenCV only reads it.
  const cv::Mat binary(mask.height, mask.width, CV_8U,
                       const_cast<std::uint8_t*>(mask.values.data()));
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(binary, labels, stats, centres, 8, CV_32S);
  // Component 0 is the background. OpenCV's numbers follow no documented order, so ties look for
  // the first pixel.
  int most = 0;
  for (int i = 1; i < count; ++i) most = std::max(most, stats.at<int>(i, cv::CC_STAT_AREA));
  if (most == 0) return std::nullopt;
  Component c;
  c.pixels = most;
  c.mask = make_byte_map(mask.width, mask.height);
  int best = 0;
  for (int y = 0; y < mask.height; ++y) {
    const int* row = labels.ptr<int>(y);
    for (int x = 0; x < mask.width; ++x) {
      if (best == 0 && row[x] != 0 && stats.at<int>(row[x], cv::CC_STAT_AREA) == most)
        best = row[x];
      if (best != 0 && row[x] == best) {
        c.mask.values[static_cast<std::size_t>(y) * static_cast<std::size_t>(mask.width) +
                      static_cast<std::size_t>(x)] = 1;
      }
    }
  }
  const std::int64_t x = stats.at<int>(best, cv::CC_STAT_LEFT);
  const std::int64_t y = stats.at<int>(best, cv::CC_STAT_TOP);
  c.box = {x, y, x + stats.at<int>(best, cv::CC_STAT_WIDTH) - 1,
           y + stats.at<int>(best, cv::CC_STAT_HEIGHT) - 1};
  return c;
}

std::optional<Box> largest_component(const Map& map, float threshold) {
  validate(map, "map to localise");
  const float most = *std::max_element(map.values.begin(), map.values.end());
  if (!(most > 0.0f)) return std::nullopt;
  const auto component = largest_component(mask_above(map, threshold * most));
  if (!component) return std::nullopt;
  return component->box;
}

}  // namespace cutaway::explain
