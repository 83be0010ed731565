#include "explain/study/invariance.h"
#include "explain/class_probability.h"

#include <cmath>

#include "runtime/error.h"

namespace cutaway::explain {
namespace {

double distance(const Tensor& a, const Tensor& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.f32().size(); ++i) {
    const double d = static_cast<double>(a.f32()[i]) - static_cast<double>(b.f32()[i]);
    sum += d * d;
  }
  return std::sqrt(sum);
}

}  // namespace

const char* to_string(Change change) {
  switch (change) {
    case Change::kShift:
      return "shift";
    case Change::kScale:
      return "scale";
    default:
      return "rotation";
  }
}

Motion motion_of(Change change, double amount) {
  Motion m;
  if (change == Change::kShift) m.down = amount;
  if (change == Change::kScale) m.scale = amount;
  if (change == Change::kRotation) m.degrees = amount;
  return m;
}

InvarianceCurve study_invariance(Features& features,
                                 const Tensor& image,
                                 std::int64_t target,
                                 Change change,
                                 std::span<const double> amounts,
                                 std::span<const float> fill,
                                 const std::function<void()>& watch) {
  check(features.layers().size() >= 2, "layers to compare, and the class scores");
  const std::size_t layers = features.layers().size() - 1;
  const std::vector<Tensor> still = features.of(image);
  InvarianceCurve curve;
  curve.distances.resize(layers);
  for (const double amount : amounts) {
    if (watch) watch();
    const std::vector<Tensor> moved = features.of(warp(image, motion_of(change, amount), fill));
    for (std::size_t l = 0; l < layers; ++l)
      curve.distances[l].push_back(distance(moved[l], still[l]));
    curve.probability.push_back(
        class_probability(moved.back().f32(), target, class_head(features.graph())));
  }
  return curve;
}

}  // namespace cutaway::explain
