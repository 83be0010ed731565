#include "layers/regional/grouping.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "runtime/error.h"

namespace cutaway {
namespace {

using Extents = std::vector<double>;  // of the windows of all nodes, along one axis

/// What the regions with one span of rows, or of columns, reach along that axis.
struct Reach {
  Extents extents;
  double regions{0};
  double cost{0};  ///< multiply-adds of one region
};

double cost_of(const Extents& extents, const Extents& weights) {
  return std::inner_product(extents.begin(), extents.end(), weights.begin(), 0.0);
}

/// Multiply-adds of a pixel of every node.
Extents pixel_costs(const Graph& graph, std::span<const Shape> shapes, NodeId output) {
  Extents costs(static_cast<std::size_t>(graph.size()));
  for (NodeId id = 1; id <= output; ++id) {
    const auto i = static_cast<std::size_t>(id);
    const auto macs = graph.node(id).layer->macs(graph.input_shapes(id, shapes));
    costs[i] = static_cast<double>(macs) / static_cast<double>(shapes[i].h * shapes[i].w);
  }
  return costs;
}

/// Divides `sorted`, in the order of their costs, into at most `parts` runs of least total cost
/// when all of a run cost what its largest extents do: the end of every run.
std::vector<std::size_t> best_runs(std::span<const Reach> sorted,
                                   const Extents& weights,
                                   std::size_t parts) {
  const std::size_t n = sorted.size();
  parts = std::min(parts, n);
  constexpr double kNever = std::numeric_limits<double>::infinity();
  // least[p][j]: of the first j in p runs, the last of which begins at from[p][j].
  std::vector<std::vector<double>> least(parts + 1, std::vector<double>(n + 1, kNever));
  std::vector<std::vector<std::size_t>> from(parts + 1, std::vector<std::size_t>(n + 1, 0));
  least[0][0] = 0;
  for (std::size_t j = 1; j <= n; ++j) {
    Extents largest(weights.size());
    double regions = 0;
    for (std::size_t i = j; i-- > 0;) {
      for (std::size_t k = 0; k < largest.size(); ++k) {
        largest[k] = std::max(largest[k], sorted[i].extents[k]);
      }
      regions += sorted[i].regions;
      const double cost = regions * cost_of(largest, weights);
      for (std::size_t p = 1; p <= parts; ++p) {
        if (least[p - 1][i] + cost >= least[p][j]) continue;
        least[p][j] = least[p - 1][i] + cost;
        from[p][j] = i;
      }
    }
  }
  std::vector<std::size_t> ends;
  for (std::size_t p = parts, j = n; p > 0; j = from[p--][j]) ends.insert(ends.begin(), j);
  return ends;
}

/// The part of every region along one axis. `spans` are the regions' along it; `along` and `across`
/// what they reach on it and on the other.
std::vector<std::size_t> divide(std::span<const Span> spans,
                                std::span<const Extents> along,
                                std::span<const Extents> across,
                                const Extents& costs,
                                std::size_t parts) {
  Extents weights(costs.size());
  for (const Extents& extents : across) {
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] += costs[k] * extents[k];
  }
  for (double& weight : weights) weight /= static_cast<double>(across.size());
  std::map<std::pair<std::int64_t, std::int64_t>, std::size_t> known;
  std::vector<Reach> reaches;
  std::vector<std::size_t> reach_of;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const auto [at, added] = known.try_emplace({spans[i].first, spans[i].last}, reaches.size());
    if (added) reaches.push_back({along[i], 0, cost_of(along[i], weights)});
    reaches[at->second].regions += 1;
    reach_of.push_back(at->second);
  }
  std::vector<std::size_t> order(reaches.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return reaches[i].cost; });
  std::vector<Reach> sorted;
  for (const std::size_t i : order) sorted.push_back(reaches[i]);
  const std::vector<std::size_t> ends = best_runs(sorted, weights, parts);
  std::vector<std::size_t> part(reaches.size());
  for (std::size_t p = 0, i = 0; p < ends.size(); ++p) {
    for (; i < ends[p]; ++i) part[order[i]] = p;
  }
  for (std::size_t& of : reach_of) of = part[of];
  return reach_of;
}

}  // namespace

std::vector<std::vector<std::size_t>> group_regions(const Graph& graph,
                                                    std::span<const Shape> shapes,
                                                    std::span<const Region> regions,
                                                    NodeId output,
                                                    std::int64_t parts) {
  check(parts >= 1 && !regions.empty(), "a grouping of no regions, or into no parts");
  std::vector<Span> rows, columns;
  std::vector<Extents> high, wide;
  for (const Region& region : regions) {
    rows.push_back(region.rows);
    columns.push_back(region.columns);
    Extents& h = high.emplace_back();
    Extents& w = wide.emplace_back();
    for (const Region& reached : affected_regions(graph, shapes, region)) {
      h.push_back(static_cast<double>(reached.rows.size()));
      w.push_back(static_cast<double>(reached.columns.size()));
    }
  }
  const Extents costs = pixel_costs(graph, shapes, output);
  const auto most = static_cast<std::size_t>(parts);
  const std::vector<std::size_t> row_part = divide(rows, high, wide, costs, most);
  const std::vector<std::size_t> column_part = divide(columns, wide, high, costs, most);
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    groups[{row_part[i], column_part[i]}].push_back(i);
  }
  std::vector<std::vector<std::size_t>> result;
  for (auto& [parts_of, members] : groups) result.push_back(std::move(members));
  return result;
}

}  // namespace cutaway
