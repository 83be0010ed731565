#include "explain/visualize/climb.h"

#include <algorithm>
#include <cmath>

namespace cutaway::explain {
namespace {

std::span<const float> image_of(const Tensor& t, std::int64_t n) {
  const std::size_t size = t.f32().size() / static_cast<std::size_t>(t.shape().n);
  return t.f32().subspan(static_cast<std::size_t>(n) * size, size);
}

bool silent(std::span<const float> gradient) {
  return std::ranges::all_of(gradient, [](float v) { return v == 0.0f; });
}

}  // namespace

double Climber::step(const Tensor& x, Tensor& g, bool rescue) {
  const double value = score_.ascend(x, objective_, g, rescue);
  const std::int64_t images = rescue ? 0 : g.shape().n;
  Tensor helped;
  for (std::int64_t n = 0; n < images; ++n) {
    if (!silent(image_of(g, n))) continue;
    if (helped.empty()) {
      (void)score_.ascend(x, objective_, helped, true);
      ++rescued_;
    }
    const auto from = image_of(helped, n);
    std::ranges::copy(from, g.f32().begin() + n * static_cast<std::ptrdiff_t>(from.size()));
  }
  ++done_;
  score_.observer().progress("ascent", static_cast<double>(done_),
                             static_cast<double>(std::max(done_, steps_)));
  return value;
}

double Climber::finish(const Tensor& x, Ascended& result) {
  Tensor g;
  const double value = score_.ascend(x, objective_, g);
  if (rescued_ > 0) {
    result.notes.push_back("the gradient was 0 before " + std::to_string(rescued_) + " of " +
                           std::to_string(done_) +
                           " steps, which went where silent ReLUs would speak instead");
  }
  result.doubts.assign(static_cast<std::size_t>(x.shape().n), Doubt());
  for (std::int64_t n = 0; n < x.shape().n; ++n) {
    Doubt& doubt = result.doubts[static_cast<std::size_t>(n)];
    doubt = doubt_of_values("values of the picture", image_of(x, n));
    if (!doubt && !std::isfinite(value))
      doubt = {DoubtKind::kNotFinite, "the objective is not a finite number"};
    if (!doubt && silent(image_of(g, n))) {
      doubt = {DoubtKind::kStuck,
               "the ascent is stuck: what is climbed does not react to the picture; try a layer "
               "before the last ReLU, another unit, or a start from noise"};
    }
  }
  return value;
}

}  // namespace cutaway::explain
