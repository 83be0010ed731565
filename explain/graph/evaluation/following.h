#pragma once

#include <string>
#include <vector>

#include "explain/graph/evaluation/evaluate_graph.h"

namespace cutaway::explain {

/// How a layer's best nodes follow parts: the correlation, over the pictures that show it, of a
/// node's displacement from its mean place with that of the part whose mean place is nearest to the
/// node's. Nodes held still, or at random places, have 0: unlike instability it tells nothing of
/// where a node is, only whether it moves with what is there.
[[nodiscard]] std::vector<FilterRow> measure_following(const Scene& scene,
                                                       const std::vector<std::string>& parts,
                                                       const GraphEvaluationOptions& options);

}  // namespace cutaway::explain
