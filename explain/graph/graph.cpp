#include "explain/graph/graph.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "runtime/error.h"

namespace cutaway::explain::graph {
namespace {

void require(bool good, const Layer& layer, const char* what) {
  if (!good)
    throw Error(ErrorKind::kInput, std::string("explanatory graph: ") + what).at(layer.spec.name);
}

void require_numbers(const Layer& layer,
                     std::span<const float> values,
                     std::int64_t count,
                     const char* what,
                     bool positive = false) {
  require(static_cast<std::int64_t>(values.size()) == count, layer, what);
  for (const float v : values) require(std::isfinite(v) && (!positive || v > 0), layer, what);
}

void validate_layer(const Layer& layer, const Layer* above) {
  validate(layer.spec);
  const std::int64_t n = layer.count();
  require_numbers(layer, layer.mu_h, n, "mu");
  require_numbers(layer, layer.mu_w, n, "mu");
  require_numbers(layer, layer.delta, n, "delta", true);
  require_numbers(layer, layer.mean_h, n, "mean position");
  require_numbers(layer, layer.mean_w, n, "mean position");
  require_numbers(layer, layer.mean_total, n, "mean score");
  require_numbers(layer, layer.rank, n, "rank");
  require(std::isfinite(layer.score_unit) && layer.score_unit > 0, layer, "unit of the scores");
  if (!layer.sigma.empty()) {
    const std::int64_t units = layer.spec.filters * layer.spec.size * layer.spec.size;
    require_numbers(layer, layer.sigma, units, "sigma", true);
  }
  require(layer.parents >= 0 && layer.parents <= 256, layer, "number of parents");
  require(above != nullptr || layer.parents == 0, layer, "the top layer has no parents");
  require(static_cast<std::int64_t>(layer.edges.size()) == n * layer.parents, layer, "edges");
  for (const std::int32_t e : layer.edges)
    require(e >= -1 && e < above->count(), layer, "an edge leads nowhere");
}

}  // namespace

void validate(const ExplanatoryGraph& graph) {
  validate(graph.config);
  if (graph.layers.empty()) throw Error(ErrorKind::kInput, "explanatory graph: no layers");
  for (std::size_t l = 0; l < graph.layers.size(); ++l) {
    validate_layer(graph.layers[l], l + 1 < graph.layers.size() ? &graph.layers[l + 1] : nullptr);
  }
}

std::vector<std::int32_t> by_rank(const Layer& layer) {
  std::vector<std::int32_t> order(layer.rank.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::int32_t a, std::int32_t b) {
    return layer.rank[static_cast<std::size_t>(a)] > layer.rank[static_cast<std::size_t>(b)];
  });
  return order;
}

}  // namespace cutaway::explain::graph
