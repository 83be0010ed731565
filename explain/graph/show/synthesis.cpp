#include <algorithm>
#include <cmath>

#include "explain/graph/heat_map.h"
#include "explain/graph/show/show_graph.h"
#include "explain/pictures/preprocess.h"
#include "explain/render/render.h"
#include "explain/rules/rules.h"
#include "layers/executor.h"

namespace cutaway::explain {
namespace {

/// Projects `maps` (c x h x w, what is below 0 does not count) at the tapped layer back to the
/// input.
Image project(Executor& executor, std::span<const float> maps, bool bgr) {
  const View<float> seed = executor.seed().out();
  const Shape& s = seed.shape;
  const auto size = static_cast<std::size_t>(s.plane());
  for (std::int64_t c = 0; c < seed.blocks() * seed.block; ++c) {
    for (std::int64_t h = 0; h < s.h; ++h) {
      for (std::int64_t w = 0; w < s.w; ++w) {
        const auto at = static_cast<std::size_t>(c) * size + static_cast<std::size_t>(h * s.w + w);
        seed.at(0, c, h, w) = c < s.c ? std::max(0.0f, maps[at]) : 0.0f;  // padding holds zero
      }
    }
  }
  executor.backward();
  const Tensor back = executor.read(executor.gradient(0, 0));
  Reconstruction options;
  options.bgr = bgr;
  return reconstruct(back.f32(), static_cast<int>(back.shape().c), static_cast<int>(back.shape().h),
                     static_cast<int>(back.shape().w), options)
      .image;
}

}  // namespace

std::vector<Synthesis> synthesize(const Scene& scene,
                                  std::size_t layer,
                                  std::int64_t pictures,
                                  double share,
                                  const RunContext& context) {
  const graph::LayerSpec& spec = scene.graph().layers[layer].spec;
  const NodeId node = scene.taps[layer].node;
  PlanRequest request;
  request.input = scene.model.model.graph.node(0).shape;
  request.input.n = 1;
  request.output = node;
  request.taps = {node};
  request.backward.push_back({deconvnet_rules(), node, {0}, false});
  // Seeds are written here, so on the CPU.
  Executor executor(scene.model.model, request, CpuStream(context.settings.threads));
  const bool bgr = scene.model.preprocess.order == weights::ColorOrder::kBgr;
  std::vector<Synthesis> made;
  Tensor input = zeros(request.input);
  for (std::int64_t i = 0; i < std::min(pictures, scene.images()); ++i) {
    throw_if_cancelled(context.observer);
    fill_input(scene.features.cuttings[static_cast<std::size_t>(i)], scene.model.preprocess,
               input.ref().out(), 0);
    executor.set_input(input);
    executor.forward();
    const Tensor maps = executor.read(executor.value(node));
    std::vector<float> kept(maps.f32().size());
    for (const std::int64_t n : strongest_nodes(scene.records[layer], i, share)) {
      const auto cell = [&](float v) {
        return std::clamp<std::int64_t>(std::lround(v), 0, spec.size - 1);
      };
      const std::int64_t h = cell(scene.records[layer].h.at(n, i));
      const std::int64_t w = cell(scene.records[layer].w.at(n, i));
      const auto at = static_cast<std::size_t>((n / spec.nodes * spec.size + h) * spec.size + w);
      kept[at] = maps.f32()[at];
    }
    Synthesis s;
    s.whole = project(executor, maps.f32(), bgr);
    s.masked = project(executor, kept, bgr);
    made.push_back(std::move(s));
  }
  return made;
}

}  // namespace cutaway::explain
