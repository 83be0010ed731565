#pragma once

#include <string>
#include <vector>

#include "tools/graphs/evaluate_graph.h"

namespace cutaway::tools {

/// The `count` nodes with the largest mean of their `best` highest scores.
[[nodiscard]] std::vector<std::int32_t> best_nodes(const explain::graph::Records& records,
                                                   std::int64_t count,
                                                   std::int64_t best);

/// One row a layer; see FollowRow.
[[nodiscard]] std::vector<FollowRow> measure_following(const Scene& scene,
                                                       const std::vector<std::string>& parts,
                                                       const GraphEvaluationOptions& options);

}  // namespace cutaway::tools
