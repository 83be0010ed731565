#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/graph/records.h"
#include "explain/graph/reducer.h"

namespace cutaway::explain::graph {

/// Images that count for a ranking unless the caller says: min(20, ceil(I / 4)).
[[nodiscard]] std::int64_t usual_best(std::int64_t images);

/// For every node the mean of its `best` largest total scores over all images, in units of `unit`;
/// best = 0: the usual number.
[[nodiscard]] std::vector<float> rank_nodes(std::span<const Records> shards,
                                            std::int64_t best,
                                            double unit,
                                            Reducer& reducer);

/// Images by falling score of a node, the first `count`; ties by number.
[[nodiscard]] std::vector<std::int64_t> best_images(const Rows& scores,
                                                    std::int64_t node,
                                                    std::int64_t count);

}  // namespace cutaway::explain::graph
