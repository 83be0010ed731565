#pragma once

#include <functional>
#include <vector>

#include "explain/graph/evaluation/evaluate_graph.h"

namespace cutaway::explain {

/// The `count` nodes with the largest mean of their `best` highest scores.
[[nodiscard]] std::vector<std::int32_t> best_nodes(const graph::Records& records,
                                                   std::int64_t count,
                                                   std::int64_t best);

/// Measures a layer's nodes, given where they were found and which of them are the best.
using NodeMeasure = std::function<Interval(const graph::LayerSpec& spec,
                                           const graph::Records& records,
                                           const std::vector<std::int32_t>& nodes)>;

/// The same measure of the best nodes of every layer and of its best filters, a filter being at
/// its maximum.
[[nodiscard]] std::vector<FilterRow> measure_beside_filters(const Scene& scene,
                                                            const GraphEvaluationOptions& options,
                                                            const NodeMeasure& measure);

}  // namespace cutaway::explain
