#pragma once

#include <string>
#include <vector>

#include "explain/graph/evaluation/evaluate_graph.h"

namespace cutaway::explain {

/// How the best nodes of every layer sit on parts, and whether edges join what belongs together.
[[nodiscard]] std::vector<HitRow> measure_hits(const Scene& scene,
                                               const std::vector<std::string>& parts,
                                               const GraphEvaluationOptions& options);

}  // namespace cutaway::explain
