#include "explain/graph/heat_map.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "explain/graph/layer_pass.h"

namespace cutaway::explain::graph {
namespace {

/// Convolves with a Gaussian along rows and columns; what leaves the picture is lost.
void blur(std::vector<double>& map, std::int64_t side, double sigma) {
  const auto reach = static_cast<std::int64_t>(std::ceil(3 * sigma));
  std::vector<double> kernel;
  for (std::int64_t d = -reach; d <= reach; ++d) {
    const double z = static_cast<double>(d) / sigma;
    kernel.push_back(std::exp(-0.5 * z * z) / (2.5066282746310002 * sigma));
  }
  std::vector<double> other(map.size());
  for (const bool rows : {true, false}) {
    for (std::int64_t y = 0; y < side; ++y) {
      for (std::int64_t x = 0; x < side; ++x) {
        double sum = 0;
        for (std::int64_t d = -reach; d <= reach; ++d) {
          const std::int64_t at = (rows ? x : y) + d;
          if (at < 0 || at >= side) continue;
          sum += kernel[static_cast<std::size_t>(d + reach)] *
                 map[static_cast<std::size_t>(rows ? y * side + at : at * side + x)];
        }
        other[static_cast<std::size_t>(y * side + x)] = sum;
      }
    }
    map.swap(other);
  }
}

}  // namespace

std::vector<std::int64_t> strongest_nodes(const Records& records,
                                          std::int64_t image,
                                          double share) {
  std::vector<std::int64_t> order;
  for (std::int64_t n = 0; n < records.nodes(); ++n) {
    if (records.peak.at(n, image) > 0) order.push_back(n);
  }
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) {
    return records.peak.at(a, image) > records.peak.at(b, image);
  });
  const auto most =
      static_cast<std::size_t>(std::ceil(share * static_cast<double>(records.nodes())));
  if (order.size() > most) order.resize(most);
  return order;
}

std::vector<float> node_sigma(const ExplanatoryGraph& graph, std::size_t l) {
  const Layer& layer = graph.layers[l];
  LayerPass pass(layer.spec, graph.config);
  if (layer.parents > 0) {
    const Layer& above = graph.layers[l + 1];
    const double ratio =
        graph.config.released.unscaled_parents ? 1.0 : above.spec.stride / layer.spec.stride;
    pass.with_parents(layer.delta, layer.edges, layer.parents, above.delta, ratio);
  } else {
    pass.without_parents(layer.delta);
  }
  return {pass.sigma().begin(), pass.sigma().end()};
}

std::vector<float> heat_map(const ExplanatoryGraph& graph,
                            std::size_t l,
                            const Records& records,
                            std::int64_t image,
                            std::int64_t side,
                            double share) {
  const LayerSpec& spec = graph.layers[l].spec;
  const std::vector<float> sigma = node_sigma(graph, l);
  const auto pixels = static_cast<std::size_t>(side * side);
  constexpr double kStep = 0.14;  // of the logarithm
  std::map<long, std::vector<double>> buckets;
  for (const std::int64_t n : strongest_nodes(records, image, share)) {
    const long x = std::lround(spec.pixel(static_cast<double>(records.w.at(n, image))));
    const long y = std::lround(spec.pixel(static_cast<double>(records.h.at(n, image))));
    if (x < 0 || y < 0 || x >= side || y >= side) continue;
    const double s = spec.stride * static_cast<double>(sigma[static_cast<std::size_t>(n)]);
    std::vector<double>& map = buckets[std::lround(std::log(s) / kStep)];
    map.resize(pixels);
    map[static_cast<std::size_t>(y * side + x)] += static_cast<double>(records.peak.at(n, image));
  }
  std::vector<double> sum(pixels);
  for (auto& [bucket, map] : buckets) {
    blur(map, side, std::exp(static_cast<double>(bucket) * kStep));
    for (std::size_t p = 0; p < pixels; ++p) sum[p] += map[p];
  }
  const double most = *std::ranges::max_element(sum);
  std::vector<float> heat(pixels);
  for (std::size_t p = 0; p < pixels; ++p)
    heat[p] = most > 0 ? static_cast<float>(sum[p] / most) : 0.0f;
  return heat;
}

std::vector<TreeNode> part_tree(const ExplanatoryGraph& graph,
                                const std::vector<Records>& records,
                                std::int64_t image,
                                std::int64_t branch,
                                std::int64_t root) {
  const std::size_t top = graph.layers.size() - 1;
  if (root < 0) {
    // Of the strongest nodes the one with most below it.
    std::vector<std::int64_t> best = strongest_nodes(records[top], image, 1.0);
    best.resize(std::min<std::size_t>(best.size(), 20));
    std::vector<TreeNode> largest{{top, 0, 0}};
    for (const std::int64_t candidate : best) {
      std::vector<TreeNode> tree = part_tree(graph, records, image, branch, candidate);
      if (tree.size() > largest.size()) largest = std::move(tree);
    }
    return largest;
  }
  std::vector<TreeNode> tree{{top, root, 0}};
  std::set<std::pair<std::size_t, std::int64_t>> taken;
  for (std::size_t at = 0; at < tree.size(); ++at) {
    const TreeNode above = tree[at];
    if (above.layer == 0) continue;
    const std::size_t l = above.layer - 1;
    const Layer& layer = graph.layers[l];
    std::vector<std::int64_t> children;
    for (std::int64_t n = 0; n < layer.count(); ++n) {
      if (!(records[l].peak.at(n, image) > 0)) continue;
      const auto first = layer.edges.begin() + n * layer.parents;
      if (std::find(first, first + layer.parents, static_cast<std::int32_t>(above.node)) !=
          first + layer.parents) {
        children.push_back(n);
      }
    }
    std::ranges::stable_sort(children, [&](std::int64_t a, std::int64_t b) {
      return records[l].peak.at(a, image) > records[l].peak.at(b, image);
    });
    std::set<std::int64_t> filters;
    for (const std::int64_t n : children) {
      if (static_cast<std::int64_t>(filters.size()) == branch) break;
      if (taken.contains({l, n}) || !filters.insert(n / layer.spec.nodes).second) continue;
      taken.insert({l, n});
      tree.push_back({l, n, at});
    }
  }
  return tree;
}

}  // namespace cutaway::explain::graph
