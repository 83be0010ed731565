#include "explain/graph/infer.h"

#include "explain/graph/layer_pass.h"
#include "explain/graph/orientation.h"
#include "runtime/error.h"

namespace cutaway::explain::graph {

std::vector<Records> infer(const ExplanatoryGraph& graph,
                           std::span<const FeatureMaps> features,
                           Stream stream,
                           std::span<const std::uint8_t> mirror) {
  const std::size_t count = graph.layers.size();
  bool good = features.size() == count && count > 0;
  for (std::size_t l = 0; good && l < count; ++l) {
    const LayerSpec& spec = graph.layers[l].spec;
    good = features[l].filters() == spec.filters && features[l].size() == spec.size &&
           features[l].images() == features[0].images();
  }
  if (!good) throw Error(ErrorKind::kShape, "features do not fit the explanatory graph");
  std::vector<Records> all(count);
  for (std::size_t l = count; l-- > 0;) {
    const Layer& layer = graph.layers[l];
    LayerPass pass(layer.spec, graph.config);
    Motion motion;
    if (layer.parents > 0) {
      const Layer& above = graph.layers[l + 1];
      const double ratio =
          graph.config.released.unscaled_parents ? 1.0 : above.spec.stride / layer.spec.stride;
      motion = motion_of(all[l + 1], above.mean_h, above.mean_w, ratio);
      pass.with_parents(layer.delta, layer.edges, layer.parents, above.delta, ratio);
    } else {
      pass.without_parents(layer.delta);
    }
    pass.run(stream,
             {.features = features[l],
              .mirror = mirror,
              .motion = layer.parents > 0 ? &motion : nullptr,
              .mu_h = layer.mu_h,
              .mu_w = layer.mu_w},
             all[l]);
  }
  return all;
}

std::vector<std::uint8_t> orientations(const ExplanatoryGraph& graph,
                                       std::span<const FeatureMaps> features,
                                       Stream stream) {
  check(features.size() == graph.layers.size() && !features.empty(), "features of another graph");
  const Layer& top = graph.layers.back();
  LayerPass pass(top.spec, graph.config);
  pass.without_parents(top.delta);
  return better_orientations(pass, stream, features.back(), top.mu_h, top.mu_w,
                             graph.config.orientation);
}

}  // namespace cutaway::explain::graph
