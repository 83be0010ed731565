#include "explain/training/sweep/dead_maps.h"

#include <algorithm>

#include "explain/training/run/each_batch.h"
#include "layers/executor.h"

namespace cutaway::training {

DeadMaps count_dead_maps(const Model& model,
                         const weights::Preprocess& rule,
                         const LabelledSet& set,
                         std::span<const std::int64_t> pictures,
                         std::int64_t batch,
                         const explain::RunContext& context) {
  const Graph& graph = model.graph;
  PlanRequest request;
  request.input = graph.node(0).shape;
  request.input.n = std::clamp<std::int64_t>(
      batch, 1, std::max<std::int64_t>(1, static_cast<std::int64_t>(pictures.size())));
  request.engines = context.settings.engines();
  for (NodeId id = 1; id < graph.size(); ++id) {
    if (graph.node(id).layer->kind() == LayerKind::kRelu) request.taps.push_back(id);
  }
  if (request.taps.empty() || pictures.empty()) return {};
  request.output = request.taps.back();
  Executor executor(model, request, context.settings.stream());
  std::vector<std::vector<bool>> alive;
  for (const NodeId id : request.taps)
    alive.emplace_back(static_cast<std::size_t>(graph.node(id).shape.c), false);
  const auto use = [&](const BatchLoader::Batch& b) {
    for (std::size_t k = 0; k < request.taps.size(); ++k) {
      const Tensor maps = executor.read(executor.value(request.taps[k]));
      const auto plane = static_cast<std::size_t>(maps.shape().plane());
      const std::size_t channels = alive[k].size();
      for (std::size_t i = 0; i < b.pictures.size() * channels; ++i) {
        const auto map = maps.f32().subspan(i * plane, plane);
        if (std::ranges::any_of(map, [](float v) { return v > 0.0F; }))
          alive[k][i % channels] = true;
      }
    }
  };
  each_batch(executor, request.input, rule, set, pictures, "dead maps", context, use);
  DeadMaps found;
  for (const std::vector<bool>& layer : alive) {
    found.maps += static_cast<std::int64_t>(layer.size());
    found.dead += std::ranges::count(layer, false);
  }
  return found;
}

}  // namespace cutaway::training
