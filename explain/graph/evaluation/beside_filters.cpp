#include "explain/graph/evaluation/beside_filters.h"

#include <algorithm>

#include "explain/graph/ranking.h"

namespace cutaway::explain {

using namespace graph;

std::vector<std::int32_t> best_nodes(const Records& records,
                                     std::int64_t count,
                                     std::int64_t best) {
  Reducer alone;
  graph::Layer ranked;
  ranked.rank = rank_nodes({&records, 1}, best, 1, alone);
  std::vector<std::int32_t> order = by_rank(ranked);
  order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
  return order;
}

std::vector<FilterRow> measure_beside_filters(const Scene& scene,
                                              const GraphEvaluationOptions& o,
                                              const NodeMeasure& measure) {
  std::vector<FilterRow> rows;
  for (std::size_t l = 0; l < scene.records.size(); ++l) {
    const LayerSpec& spec = scene.graph().layers[l].spec;
    const auto of = [&](const Records& records) {
      return measure(spec, records, best_nodes(records, o.nodes, o.best));
    };
    rows.push_back({spec.name, of(scene.records[l]), of(scene.filters(l, FilterKind::kNormalized)),
                    of(scene.filters(l, FilterKind::kPlain))});
  }
  return rows;
}

}  // namespace cutaway::explain
