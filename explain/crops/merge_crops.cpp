#include "explain/crops/merge_crops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::array<std::string_view, 3> kNames{"coverage_mean", "authors", "plain"};

std::int64_t pictures(const Tensor& t) {
  if (t.shape().n % kTenCrops != 0) {
    throw Error(ErrorKind::kShape, "ten crops a picture")
        .expected("a multiple of ten")
        .got(std::to_string(t.shape().n));
  }
  return t.shape().n / kTenCrops;
}

/// One map of the merge: sums, and how often each pixel was shown.
class Canvas {
 public:
  explicit Canvas(const CropPlan& plan)
      : plan_(plan),
        side_(static_cast<std::size_t>(plan.frame)),
        sum_(side_ * side_, 0.0),
        shown_(side_ * side_, 0) {}

  void add(const Map& map, const CropWindow& window) {
    const auto size = static_cast<std::size_t>(plan_.size);
    std::vector<float> large;
    std::span<const float> v = map.values;
    if (map.height != plan_.size || map.width != plan_.size) {
      large = resize(map, plan_.size, plan_.size, plan_.resample);
      v = large;
    }
    const bool absolute = plan_.merge == CropMerge::kAuthors;
    for (std::size_t y = 0; y < size; ++y) {
      for (std::size_t x = 0; x < size; ++x) {
        const double value =
            static_cast<double>(v[y * size + (window.mirrored ? size - 1 - x : x)]);
        const std::size_t at = (static_cast<std::size_t>(window.y) + y) * side_ +
                               static_cast<std::size_t>(window.x) + x;
        sum_[at] += absolute ? std::fabs(value) : value;
        ++shown_[at];
      }
    }
  }

  void write(std::span<float> out) const {
    for (std::size_t i = 0; i < sum_.size(); ++i) {
      const double mean = shown_[i] > 0 ? sum_[i] / shown_[i] : 0.0;
      out[i] = static_cast<float>(plan_.merge == CropMerge::kAuthors ? 3.0 * sum_[i] : mean);
    }
  }

 private:
  const CropPlan& plan_;
  std::size_t side_;
  std::vector<double> sum_;
  std::vector<int> shown_;
};

std::vector<CropWindow> windows_of(const CropPlan& plan) {
  std::vector<CropWindow> windows = ten_crops(plan.frame, plan.size, plan.order);
  if (plan.merge == CropMerge::kPlain) {
    const CropWindow middle = windows[4];
    std::ranges::fill(windows, middle);
  }
  return windows;
}

void keep_farthest(Attributes& kept, const Attributes& other) {
  for (const auto& [name, value] : other.values()) {
    const double* fresh = std::get_if<double>(&value);
    const auto at = kept.values().find(name);
    if (fresh == nullptr || at == kept.values().end()) continue;
    const double* known = std::get_if<double>(&at->second);
    if (known != nullptr && std::fabs(*fresh) > std::fabs(*known)) kept.set(name, *fresh);
  }
}

}  // namespace

std::string to_string(CropMerge merge) {
  return std::string(kNames[static_cast<std::size_t>(merge)]);
}

CropMerge parse_crop_merge(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<CropMerge>(i);
  }
  throw Error(ErrorKind::kUsage, "unknown merge of crops")
      .expected("coverage_mean, authors or plain")
      .got("'" + std::string(name) + "'");
}

Tensor merge_crops(const Tensor& maps, const CropPlan& plan) {
  const Shape& s = maps.shape();
  const std::int64_t count = pictures(maps);
  const std::vector<CropWindow> windows = windows_of(plan);
  Tensor merged(kCpuDevice, DType::kF32, {count, s.c, plan.frame, plan.frame});
  const auto plane = static_cast<std::size_t>(s.plane());
  const auto whole = static_cast<std::size_t>(merged.shape().plane());
  for (std::int64_t n = 0; n < count; ++n) {
    for (std::int64_t c = 0; c < s.c; ++c) {
      Canvas canvas(plan);
      for (std::int64_t k = 0; k < kTenCrops; ++k) {
        const auto at = static_cast<std::size_t>((n * kTenCrops + k) * s.c + c);
        canvas.add(
            {maps.f32().subspan(at * plane, plane), static_cast<int>(s.h), static_cast<int>(s.w)},
            windows[static_cast<std::size_t>(k)]);
      }
      canvas.write(merged.f32().subspan(static_cast<std::size_t>(n * s.c + c) * whole, whole));
    }
  }
  return merged;
}

Explanation merge_crops(Explanation e, const CropPlan& plan) {
  const auto count = static_cast<std::size_t>(pictures(e.map));
  constexpr auto kTen = static_cast<std::size_t>(kTenCrops);
  if (plan.merge == CropMerge::kAuthors && e.kind == MapKind::kReconstruction) {
    throw Error(ErrorKind::kUnsupported, "the authors' merge of crops takes absolute values")
        .at(e.method)
        .hint("colours need --crop-merge coverage_mean");
  }
  std::vector<std::int64_t> targets;
  std::vector<Attributes> measures;
  for (std::size_t n = 0; n < count; ++n) {
    for (std::size_t k = 0; k < kTen && n * kTen < e.targets.size(); ++k) {
      if (e.targets[n * kTen + k] == e.targets[n * kTen]) continue;
      throw Error(ErrorKind::kUnsupported,
                  "the crops explain different units, whose maps cannot be merged")
          .at(e.method)
          .hint("name a unit or a class, or explain one crop");
    }
    if (n * kTen < e.targets.size()) targets.push_back(e.targets[n * kTen]);
    if (e.measures.empty()) continue;
    measures.push_back(e.measures.at(n * kTen));
    for (std::size_t k = 1; k < kTen; ++k)
      keep_farthest(measures.back(), e.measures.at(n * kTen + k));
  }
  e.map = merge_crops(e.map, plan);
  e.targets = std::move(targets);
  e.measures = std::move(measures);
  e.notes.clear();  // of single crops
  if (plan.merge == CropMerge::kAuthors && e.kind == MapKind::kSigned) e.kind = MapKind::kHeat;
  e.options.set("crops", kTenCrops);
  e.options.set("crop_order", to_string(plan.order));
  e.options.set("crop_merge", to_string(plan.merge));
  e.options.set("crop_frame", std::int64_t{plan.frame});
  e.options.set("crop_size", std::int64_t{plan.size});
  e.options.set("crop_resample", to_string(plan.resample));
  return e;
}

Tensor merge_scores(const Tensor& scores) {
  const std::int64_t count = pictures(scores);
  const auto classes = static_cast<std::size_t>(scores.shape().c);
  Tensor merged(kCpuDevice, DType::kF32, {count, scores.shape().c, 1, 1});
  std::vector<double> mean(classes), p(classes);
  for (std::int64_t n = 0; n < count; ++n) {
    std::ranges::fill(mean, 0.0);
    for (std::int64_t k = 0; k < kTenCrops; ++k) {
      const auto row =
          scores.f32().subspan(static_cast<std::size_t>(n * kTenCrops + k) * classes, classes);
      const double most = static_cast<double>(*std::ranges::max_element(row));
      double sum = 0.0;
      for (std::size_t c = 0; c < classes; ++c)
        sum += p[c] = std::exp(static_cast<double>(row[c]) - most);
      for (std::size_t c = 0; c < classes; ++c)
        mean[c] += p[c] / sum / static_cast<double>(kTenCrops);
    }
    for (std::size_t c = 0; c < classes; ++c) {
      const double least = std::numeric_limits<double>::min();
      merged.f32()[static_cast<std::size_t>(n) * classes + c] =
          static_cast<float>(std::log(std::max(mean[c], least)));
    }
  }
  return merged;
}

}  // namespace cutaway::explain
