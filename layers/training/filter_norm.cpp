#include "layers/training/filter_norm.h"

#include <cmath>

#include "runtime/error.h"

namespace cutaway {

std::int64_t renormalize_filters(const Graph& graph, Parameters& parameters, double radius) {
  if (!(radius > 0.0))
    throw Error(ErrorKind::kUsage, "radius of filters")
        .expected("above 0")
        .got(std::to_string(radius));
  std::int64_t scaled = 0;
  for (NodeId id = 1; id < graph.size(); ++id) {
    if (graph.node(id).layer->kind() != LayerKind::kConv) continue;
    Tensor& weight = parameters.of(id)[0];
    const Shape& s = weight.shape();
    const auto size = static_cast<std::size_t>(s.c * s.plane());
    for (std::int64_t o = 0; o < s.n; ++o) {
      const std::span<float> w = weight.f32().subspan(static_cast<std::size_t>(o) * size, size);
      double sum = 0.0;
      for (const float v : w) sum += double{v} * double{v};
      const double rms = std::sqrt(sum / static_cast<double>(size));
      // A filter brought to the radius may be above it by rounding.
      if (!(rms > radius * (1.0 + 1e-6))) continue;
      for (float& v : w) v = static_cast<float>(double{v} * radius / rms);
      ++scaled;
    }
  }
  if (scaled > 0) parameters.touch();
  return scaled;
}

}  // namespace cutaway
