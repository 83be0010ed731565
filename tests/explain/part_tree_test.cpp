// The tree of parts of one image, from records made by hand.

#include <doctest/doctest.h>

#include "explain/graph/heat_map.h"

using namespace cutaway::explain::graph;

namespace {

/// Two layers of four filters with one node each; every node below has the nodes of `edges` above.
ExplanatoryGraph graph_of(const std::vector<std::int32_t>& edges) {
  ExplanatoryGraph g;
  for (const char* name : {"low", "top"}) {
    Layer layer;
    layer.spec = {name, 4, 8, 1, 0.2, 4, 1.5};
    layer.mu_h.assign(4, 3.0f);
    layer.mu_w.assign(4, 3.0f);
    layer.delta.assign(4, 1.0f);
    layer.mean_h.assign(4, 3.0f);
    layer.mean_w.assign(4, 3.0f);
    g.layers.push_back(layer);
  }
  g.layers[0].parents = 1;
  g.layers[0].edges = edges;
  return g;
}

std::vector<Records> records_of(const std::vector<float>& low, const std::vector<float>& top) {
  std::vector<Records> all;
  for (const auto& peaks : {low, top}) {
    Records r(4, 1);
    for (std::int64_t n = 0; n < 4; ++n) r.peak.row(n)[0] = peaks[static_cast<std::size_t>(n)];
    all.push_back(r);
  }
  return all;
}

std::vector<std::int64_t> children(const std::vector<TreeNode>& tree) {
  std::vector<std::int64_t> nodes;
  for (std::size_t i = 1; i < tree.size(); ++i) nodes.push_back(tree[i].node);
  return nodes;
}

}  // namespace

TEST_CASE("part tree: children by falling peak, of equal ones the first") {
  const ExplanatoryGraph g = graph_of({0, 0, 0, 0});
  const auto of = [&](const std::vector<float>& low, std::int64_t branch) {
    return children(part_tree(g, records_of(low, {1, 0, 0, 0}), 0, branch, 0));
  };
  CHECK(of({1, 2, 3, 4}, 4) == std::vector<std::int64_t>{3, 2, 1, 0});
  CHECK(of({5, 5, 5, 5}, 4) == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(of({5, 5, 5, 5}, 2) == std::vector<std::int64_t>{0, 1});
  CHECK(of({1, 7, 1, 7}, 3) == std::vector<std::int64_t>{1, 3, 0});
  CHECK(of({0, 7, 0, 7}, 4) == std::vector<std::int64_t>{1, 3});  // a peak of 0 found nothing
}

TEST_CASE("part tree: the root with the largest tree is taken") {
  const ExplanatoryGraph g = graph_of({1, 1, 0, 3});
  const std::vector<TreeNode> tree = part_tree(g, records_of({1, 1, 1, 1}, {9, 5, 7, 8}), 0, 4);
  REQUIRE(tree.size() == 3);
  CHECK(tree[0].node == 1);
  CHECK(tree[0].layer == 1);
  CHECK(children(tree) == std::vector<std::int64_t>{0, 1});
  CHECK(tree[1].parent == 0);
  CHECK(tree[2].layer == 0);
}
