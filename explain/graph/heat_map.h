#pragma once

#include <cstdint>
#include <vector>

#include "explain/graph/graph.h"
#include "explain/graph/records.h"

namespace cutaway::explain::graph {

/// The best nodes of an image: those with the largest peaks, the share `share` of a layer, peaks
/// above 0 only.
[[nodiscard]] std::vector<std::int64_t> strongest_nodes(const Records& records,
                                                        std::int64_t image,
                                                        double share);

/// Each node's standard deviation, cells: without parents initial S, else that of the parents'
/// prediction.
[[nodiscard]] std::vector<float> node_sigma(const ExplanatoryGraph& graph, std::size_t layer);

/// Where the parts known to a layer are in an image: the best half of its nodes, each a Gaussian of
/// its sigma weighted by its peak, added and scaled to a maximum of 1. side x side values, row by
/// row. Sigma is rounded to steps of 15 % so that a few blurs serve all nodes.
[[nodiscard]] std::vector<float> heat_map(const ExplanatoryGraph& graph,
                                          std::size_t layer,
                                          const Records& records,
                                          std::int64_t image,
                                          std::int64_t side,
                                          double share = 0.5);

/// The parts of an image as a tree: a root node of the top layer, and below every node the best of
/// its children (peak in this image).
struct TreeNode {
  std::size_t layer{0};
  std::int64_t node{0};
  std::size_t parent{0};  ///< index in the tree; the root is its own
};
/// `branch` children a node, one node of a filter at most, and no node twice. Root: of the 20 top
/// nodes with the largest peaks the one that makes the largest tree, unless given (>= 0).
[[nodiscard]] std::vector<TreeNode> part_tree(const ExplanatoryGraph& graph,
                                              const std::vector<Records>& records,
                                              std::int64_t image,
                                              std::int64_t branch,
                                              std::int64_t root = -1);

}  // namespace cutaway::explain::graph
