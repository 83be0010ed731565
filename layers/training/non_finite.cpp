#include "layers/training/non_finite.h"

#include <algorithm>
#include <cmath>

namespace cutaway {
namespace {

bool finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
}

std::string named(const Graph& graph, NodeId id) {
  return graph.node(id).name + " (" + std::string(graph.node(id).layer->type()) + ")";
}

}  // namespace

std::optional<NonFinite> find_non_finite(Executor& executor) {
  const Model& model = executor.model();
  for (NodeId id = 0; id < model.graph.size(); ++id) {
    for (const Tensor& parameter : model.parameters.of(id)) {
      if (!finite(to_device(parameter, kCpuDevice).f32()))
        return NonFinite{named(model.graph, id), true, -1};
    }
  }
  std::optional<NonFinite> found;
  const auto look = [&](NodeId id, const TensorRef& output) {
    if (found) return;
    const Tensor plain = executor.read(output);
    const auto size = static_cast<std::size_t>(plain.shape().c * plain.shape().plane());
    for (std::int64_t n = 0; n < plain.shape().n; ++n) {
      if (finite(plain.f32().subspan(static_cast<std::size_t>(n) * size, size))) continue;
      found = NonFinite{named(model.graph, id), false, n};
      return;
    }
  };
  look(0, executor.input());
  executor.forward(look);
  return found;
}

}  // namespace cutaway
