#include "explain/localization/max_box_acc.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "explain/pictures/resample.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// floor(255 (v - min) / (max - min)); all zero when that is nothing.
ByteMap levels_of(const Map& map, int side) {
  const std::vector<float> v = resize(map, side, side, Resample::kCubic075);
  ByteMap gray = make_byte_map(side, side);
  float least = v[0], most = v[0];
  for (const float x : v) {
    if (std::isnan(x)) return gray;
    least = std::min(least, x);
    most = std::max(most, x);
  }
  if (!(most > least) || std::isinf(most - least)) return gray;
  std::transform(v.begin(), v.end(), gray.values.begin(), [&](float x) {
    return static_cast<std::uint8_t>((x - least) / (most - least) * 255.0F);
  });
  return gray;
}

double best_overlap(const Box& box, std::span<const Box> truth) {
  double best = 0.0;
  for (const Box& t : truth) best = std::max(best, iou(box, t));
  return best;
}

struct Overlaps {
  double largest{0}, any{0};
};

Overlaps overlaps_above(const cv::Mat& gray, int threshold, std::span<const Box> truth) {
  const cv::Mat binary = gray > threshold;
  std::vector<std::vector<cv::Point>> contours;
  cv::findContours(binary, contours, cv::RETR_TREE, cv::CHAIN_APPROX_SIMPLE);
  if (contours.empty()) {
    const double none = best_overlap({0, 0, 0, 0}, truth);
    return {none, none};
  }
  Overlaps found;
  double largest = -1.0;
  for (const auto& contour : contours) {
    const cv::Rect r = cv::boundingRect(contour);
    const Box box{r.x, r.y, std::min(r.x + r.width, gray.cols - 1),
                  std::min(r.y + r.height, gray.rows - 1)};
    const double overlap = best_overlap(box, truth);
    found.any = std::max(found.any, overlap);
    const double area = cv::contourArea(contour);
    if (area > largest) {
      largest = area;
      found.largest = overlap;
    }
  }
  return found;
}

}  // namespace

Box scaled_truth(const RealBox& box, double width, double height, int side) {
  const auto scaled = [&](double v, double extent) {
    return static_cast<std::int64_t>(v * side / extent);
  };
  return {scaled(box.x1, width), scaled(box.y1, height), scaled(box.x2, width),
          scaled(box.y2, height)};
}

BoxHits box_hits(const Map& map, std::span<const Box> truth, int side) {
  validate(map, "map to localise");
  ByteMap levels = levels_of(map, side);
  BoxHits hits;
  hits.most = *std::ranges::max_element(levels.values);
  std::array<bool, 256> present{};
  for (const std::uint8_t v : levels.values) present[v] = true;
  const cv::Mat gray(side, side, CV_8U, levels.values.data());
  for (std::size_t t = 0; t < 256; ++t) {
    if (t > 0 && !present[t]) {  // the same pixels as one level lower
      hits.at[t] = hits.at[t - 1];
      continue;
    }
    const Overlaps found = overlaps_above(gray, static_cast<int>(t), truth);
    hits.at[t] = found.largest >= 0.5 ? 1 : 0;
    for (std::size_t k = 0; k < 3; ++k) {
      if (found.any >= BoxHits::kOverlaps[k]) {
        hits.at[t] = static_cast<std::uint8_t>(hits.at[t] | (2U << k));
      }
    }
  }
  return hits;
}

MaxBoxAcc max_box_acc(std::span<const BoxHits> hits, double step, std::span<const int> counts) {
  if (!(step > 0.0 && step <= 1.0)) {
    throw Error(ErrorKind::kUsage, "step of thresholds").expected("in (0, 1]");
  }
  if (!counts.empty() && counts.size() != hits.size()) {
    throw Error(ErrorKind::kShape, "counts of pictures")
        .expected(std::to_string(hits.size()))
        .got(std::to_string(counts.size()));
  }
  // Hits of the pictures with a scale at each level, and of those without one (threshold 0 whatever
  // tau).
  std::array<std::array<double, 4>, 256> sum{};
  std::array<double, 4> flat{};
  double total = 0.0;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const double n = counts.empty() ? 1.0 : counts[i];
    if (n == 0.0) continue;
    total += n;
    for (std::size_t t = 0; t < 256; ++t) {
      for (std::size_t k = 0; k < 4; ++k) {
        if ((static_cast<unsigned>(hits[i].at[t]) >> k & 1U) == 0) continue;
        if (hits[i].most != 0)
          sum[t][k] += n;
        else if (t == 0)
          flat[k] += n;
      }
    }
  }
  MaxBoxAcc result;
  if (total == 0.0) return result;
  const auto steps = static_cast<int>(std::ceil(1.0 / step - 1e-9));
  for (int i = 0; i < steps; ++i) {
    const double tau = i * step;
    const auto& level = sum[static_cast<std::size_t>(tau * 255.0)];
    const double v1 = (level[0] + flat[0]) / total;
    result.curve.push_back(v1);
    if (v1 > result.v1) {
      result.v1 = v1;
      result.v1_threshold = tau;
    }
    for (std::size_t k = 0; k < 3; ++k) {
      result.v2_at[k] = std::max(result.v2_at[k], (level[k + 1] + flat[k + 1]) / total);
    }
  }
  for (const double v : result.v2_at) result.v2 += v / 3.0;
  return result;
}

}  // namespace cutaway::explain
