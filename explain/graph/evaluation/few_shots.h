#pragma once

#include <string>
#include <vector>

#include "explain/graph/evaluation/evaluate_graph.h"

namespace cutaway::explain {

/// Parts shown in a few pictures, found in the others: by the graph's nodes, by the filters
/// themselves in the same localiser, and at the mean of the places shown.
[[nodiscard]] std::vector<ShotRow> measure_shots(const Scene& scene,
                                                 const std::vector<std::string>& parts,
                                                 const GraphEvaluationOptions& options);

}  // namespace cutaway::explain
