#include "layers/training/losses/cam_mask.h"

#include <algorithm>
#include <vector>

#include "layers/classifier.h"
#include "runtime/error.h"

namespace cutaway {

CamMask::CamMask(const Graph& graph, NodeId layer) : weights_(-1) {
  const auto head = cam_head(graph);
  if (!head || head->maps != layer) {
    throw Error(ErrorKind::kUnsupported, "no class activation maps for masks")
        .at(graph.node(layer).name)
        .expected("maps that are pooled globally and scored by one dense layer")
        .hint("give the net a new head, or set masked to false");
  }
  weights_ = head->weights;
}

Tensor CamMask::masks(const Tensor& maps,
                      std::span<const std::int32_t> labels,
                      const Parameters& parameters,
                      float threshold) const {
  const Shape& s = maps.shape();
  const std::int64_t plane = s.plane();
  const Tensor weights = to_device(parameters.of(weights_)[0], kCpuDevice);
  Tensor masks = zeros({s.n, 1, s.h, s.w});
  std::vector<double> sum(static_cast<std::size_t>(plane));
  for (std::int64_t n = 0; n < s.n; ++n) {
    std::ranges::fill(sum, 0.0);
    const float* w = weights.f32().data() + std::int64_t{labels[static_cast<std::size_t>(n)]} * s.c;
    for (std::int64_t c = 0; c < s.c; ++c) {
      const float* a = maps.f32().data() + (n * s.c + c) * plane;
      for (std::int64_t i = 0; i < plane; ++i)
        sum[static_cast<std::size_t>(i)] += static_cast<double>(w[c]) * static_cast<double>(a[i]);
    }
    const auto [low, high] = std::ranges::minmax(sum);
    float* m = masks.f32().data() + n * plane;
    for (std::int64_t i = 0; i < plane; ++i) {
      const double at = sum[static_cast<std::size_t>(i)];
      const double value = high > low ? (at - low) / (high - low) : 1.0;
      m[i] =
          threshold > 0.0f ? (value >= double{threshold} ? 1.0f : 0.0f) : static_cast<float>(value);
    }
  }
  return masks;
}

}  // namespace cutaway
