#include "explain/localization/dt_box.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "explain/localization/squared_distance.h"

namespace cutaway::explain {
namespace {

/// Keeps v > 10 of v = floor(255 d / d_max + 0.5), that is 255 d >= 10.5 d_max: (510 d)^2 >= (21
/// d_max)^2.
ByteMap without_rim(ByteMap mask) {
  const std::vector<std::int64_t> d = squared_distances(mask);
  const std::int64_t most = *std::max_element(d.begin(), d.end());
  if (most <= 0) return mask;  // all inside, or all outside: left as it is
  std::transform(d.begin(), d.end(), mask.values.begin(), [&](std::int64_t v) {
    return static_cast<std::uint8_t>(v > 0 && 510 * 510 * v >= 21 * 21 * most ? 1 : 0);
  });
  return mask;
}

void add_rectangles(const ByteMap& mask, std::vector<Rect>& all) {
  // findContours only reads its input.
  const cv::Mat binary(mask.height, mask.width, CV_8U,
                       const_cast<std::uint8_t*>(mask.values.data()));
  std::vector<std::vector<cv::Point>> contours;
  cv::findContours(binary, contours, cv::RETR_LIST, cv::CHAIN_APPROX_SIMPLE);
  const auto into = [](int v, int most) { return std::min(std::max(v, 0), most); };
  for (const auto& contour : contours) {
    const cv::Rect r = cv::boundingRect(contour);
    all.push_back({into(r.x, mask.width - 5), into(r.y, mask.height - 5),
                   into(r.width, mask.width - r.x - 5), into(r.height, mask.height - r.y - 5)});
  }
}

std::int64_t area(const Rect& r) { return static_cast<std::int64_t>(r.width) * r.height; }

bool overlap(const Rect& a, const Rect& b) {
  const std::int64_t w = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const std::int64_t h = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  return w > 0 && h > 0 && w * h > std::max(area(a), area(b)) / 2;
}

}  // namespace

std::vector<Rect> dt_rectangles(const ByteMap& heat, const DtBoxOptions& options) {
  validate(heat, "heat map");
  std::vector<Rect> all;
  for (const int threshold : options.thresholds) {
    add_rectangles(without_rim(mask_above(heat, threshold)), all);
  }
  // Rectangles at the very border may have been clamped to nothing.
  std::erase_if(all, [](const Rect& r) { return r.width <= 0 || r.height <= 0; });
  std::ranges::stable_sort(all, [](const Rect& a, const Rect& b) { return area(a) > area(b); });
  const std::size_t skip = options.suppression == Suppression::kAuthors ? 1 : 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i + 1; j < all.size();) {
      if (overlap(all[i], all[j])) {
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(j));
        j += skip;
      } else {
        ++j;
      }
    }
  }
  return all;
}

LooseTight loose_tight(const std::vector<Rect>& rectangles, int width, int height) {
  const auto box = [](const Rect& r) { return Box{r.x, r.y, r.x + r.width, r.y + r.height}; };
  if (rectangles.empty()) {
    const Box whole{0, 0, width - 1, height - 1};
    return {whole, whole};
  }
  return {box(rectangles[0]), box(rectangles[std::min<std::size_t>(1, rectangles.size() - 1)])};
}

}  // namespace cutaway::explain
