#pragma once

#include <string>
#include <vector>

#include "tools/graphs/evaluate_graph.h"

namespace cutaway::tools {

/// How the best nodes of every layer sit on parts, and whether edges join what belongs together.
[[nodiscard]] std::vector<HitRow> measure_hits(const Scene& scene,
                                               const std::vector<std::string>& parts,
                                               const GraphEvaluationOptions& options);

}  // namespace cutaway::tools
