#include "layers/training/filter_norm.h"

#include <cmath>

#include "runtime/error.h"

namespace cutaway {

namespace {

/// Of one O x I x kh x kw weight on the CPU.
std::int64_t renormalize(Tensor& weight, double radius) {
  const Shape& s = weight.shape();
  const auto size = static_cast<std::size_t>(s.c * s.plane());
  std::int64_t scaled = 0;
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
  return scaled;
}

}  // namespace

std::int64_t renormalize_filters(const Graph& graph, Parameters& parameters, double radius) {
  if (!(radius > 0.0))
    throw Error(ErrorKind::kUsage, "radius of filters")
        .expected("above 0")
        .got(std::to_string(radius));
  std::int64_t scaled = 0;
  for (NodeId id = 1; id < graph.size(); ++id) {
    if (graph.node(id).layer->kind() != LayerKind::kConv) continue;
    Tensor& weight = parameters.of(id)[0];
    if (weight.device() == kCpuDevice) {
      scaled += renormalize(weight, radius);
      continue;
    }
    Tensor here = to_device(weight, kCpuDevice);
    const std::int64_t changed = renormalize(here, radius);
    if (changed > 0)
      copy_bytes(weight.ref().data(), weight.device(), here.ref().data(), kCpuDevice, here.bytes());
    scaled += changed;
  }
  if (scaled > 0) parameters.touch();
  return scaled;
}

}  // namespace cutaway
