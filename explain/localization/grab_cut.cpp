#include "explain/localization/grab_cut.h"

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

cv::Mat first_mask(const ByteMap& heat, const GrabCutOptions& o) {
  cv::Mat mask(heat.height, heat.width, CV_8U);
  std::transform(heat.values.begin(), heat.values.end(), mask.data, [&](std::uint8_t v) {
    const int label = v <= o.background   ? cv::GC_BGD
                      : v <= o.foreground ? cv::GC_PR_BGD
                                          : cv::GC_PR_FGD;
    return static_cast<std::uint8_t>(label);
  });
  return mask;
}

}  // namespace

std::vector<Rect> grab_cut_rectangles(const Image& picture,
                                      const ByteMap& heat,
                                      const GrabCutOptions& o) {
  validate(picture, "picture to cut");
  validate(heat, "heat map");
  if (picture.width != heat.width || picture.height != heat.height) {
    throw Error(ErrorKind::kShape, "GrabCut: picture and heat map differ")
        .expected(std::to_string(picture.width) + "x" + std::to_string(picture.height))
        .got(std::to_string(heat.width) + "x" + std::to_string(heat.height));
  }
  cv::Mat mask = first_mask(heat, o);
  const int inside = cv::countNonZero(mask == cv::GC_PR_FGD);
  if (inside == 0) return {};
  if (inside < heat.width * heat.height) {  // OpenCV needs pixels of both kinds
    const cv::Mat rgb(picture.height, picture.width, CV_8UC3,
                      const_cast<std::uint8_t*>(picture.rgb.data()));
    cv::Mat bgr, background, foreground;
    cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
    // Its clustering draws from a generator of the thread.
    cv::theRNG().state = o.seed + 0x9E3779B97F4A7C15U;
    cv::grabCut(bgr, mask, {}, background, foreground, o.iterations, cv::GC_INIT_WITH_MASK);
  }
  const cv::Mat found = (mask == cv::GC_FGD) | (mask == cv::GC_PR_FGD);
  std::vector<std::vector<cv::Point>> contours;
  cv::findContours(found, contours, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_SIMPLE);
  std::vector<Rect> all;
  for (const auto& contour : contours) {
    if (!(cv::contourArea(contour) > o.least_area)) continue;
    const cv::Rect r = cv::boundingRect(contour);
    all.push_back({r.x, r.y, r.width, r.height});
  }
  std::ranges::stable_sort(all, [](const Rect& a, const Rect& b) {
    return static_cast<std::int64_t>(a.width) * a.height >
           static_cast<std::int64_t>(b.width) * b.height;
  });
  return all;
}

}  // namespace cutaway::explain
