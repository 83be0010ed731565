#include "explain/graph/orientation.h"

#include <cmath>

#include "runtime/error.h"

namespace cutaway::explain::graph {
namespace {

constexpr double kFloor = 0.1;  // of the image's mean score: nodes that hardly see anything

}  // namespace

std::vector<double> mirror_gain(const Records& as_is,
                                const Records& mirrored,
                                Orientation criterion) {
  check(as_is.nodes() == mirrored.nodes() && as_is.images() == mirrored.images(),
        "two orientations of the same images");
  const auto images = static_cast<std::size_t>(as_is.images());
  const auto nodes = static_cast<double>(as_is.nodes());
  std::vector<double> gain(images), floor(images);
  if (criterion == Orientation::kLog) {
    for (std::int64_t n = 0; n < as_is.nodes(); ++n) {
      const float* const a = as_is.total.row(n);
      const float* const b = mirrored.total.row(n);
      for (std::size_t i = 0; i < images; ++i)
        floor[i] += kFloor * (static_cast<double>(a[i]) + static_cast<double>(b[i])) / (2 * nodes);
    }
  }
  for (std::int64_t n = 0; n < as_is.nodes(); ++n) {
    const float* const row_a = as_is.total.row(n);
    const float* const row_b = mirrored.total.row(n);
    for (std::size_t i = 0; i < images; ++i) {
      const auto a = static_cast<double>(row_a[i]);
      const auto b = static_cast<double>(row_b[i]);
      if (criterion == Orientation::kSum) {
        gain[i] += b - a;
      } else if (floor[i] > 0) {
        gain[i] += std::log((b + floor[i]) / (a + floor[i]));
      }
    }
  }
  return gain;
}

std::vector<std::uint8_t> better_orientations(LayerPass& pass,
                                              Stream& stream,
                                              const FeatureMaps& features,
                                              std::span<const float> mu_h,
                                              std::span<const float> mu_w,
                                              Orientation criterion) {
  Records seen[2];
  for (const int way : {0, 1}) {
    const std::vector<std::uint8_t> all(static_cast<std::size_t>(features.images()),
                                        static_cast<std::uint8_t>(way));
    pass.run(stream, {features, all, nullptr, mu_h, mu_w}, seen[way]);
  }
  const std::vector<double> gain = mirror_gain(seen[0], seen[1], criterion);
  std::vector<std::uint8_t> mirror(gain.size());
  for (std::size_t i = 0; i < gain.size(); ++i) mirror[i] = gain[i] > 0 ? 1 : 0;
  return mirror;
}

}  // namespace cutaway::explain::graph
