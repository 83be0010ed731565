#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "layers/regional/reach.h"

namespace cutaway {

/// Regions of the input, as indices, in groups for which one RegionalModel::affected each does
/// little more than its members need: a group's windows are as large as those of its largest
/// member. Rows and columns are divided apart, each into at most `parts` parts that minimise the
/// multiply-adds up to `output` (the other axis taken at its average), so there are at most parts^2
/// groups; every region is in one. `shapes` are those of Graph::infer for one image.
[[nodiscard]] std::vector<std::vector<std::size_t>> group_regions(const Graph& graph,
                                                                  std::span<const Shape> shapes,
                                                                  std::span<const Region> regions,
                                                                  NodeId output,
                                                                  std::int64_t parts);

}  // namespace cutaway
