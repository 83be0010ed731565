#include "explain/graph/evaluation/part_hits.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "explain/graph/evaluation/beside_filters.h"
#include "explain/statistics/jackknife.h"

namespace cutaway::explain {
namespace {

using namespace graph;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Boxes of all parts in all pictures, and which parts move together.
class PartField {
 public:
  PartField(const Scene& scene, const std::vector<std::string>& names, double tolerance) {
    const double grown = tolerance * scene.side;
    for (const std::string& name : names) {
      boxes_.emplace_back();
      for (std::int64_t i = 0; i < scene.images(); ++i) {
        auto part = scene.part(i, name);
        if (part != nullptr) {
          part->box = {part->box.x1 - grown, part->box.y1 - grown, part->box.x2 + grown,
                       part->box.y2 + grown};
        }
        boxes_.back().push_back(std::move(part));
      }
    }
  }

  [[nodiscard]] std::size_t parts() const { return boxes_.size(); }
  /// Whether a place is on part p in a picture: nothing where the part is not seen.
  [[nodiscard]] int on(std::size_t p, std::int64_t image, const PixelPoint& at) const {
    const auto& part = boxes_[p][static_cast<std::size_t>(image)];
    if (part == nullptr) return -1;
    const PixelBox& b = part->box;
    return at.w >= b.x1 && at.w <= b.x2 && at.h >= b.y1 && at.h <= b.y2 ? 1 : 0;
  }
  /// 1 - var(p - q) / (var p + var q) >= 0.5 over the pictures that show both.
  [[nodiscard]] bool together(std::size_t p, std::size_t q) const {
    if (p == q) return true;
    double n = 0;
    double sum[6] = {}, squares[6] = {};
    for (std::size_t i = 0; i < boxes_[p].size(); ++i) {
      if (boxes_[p][i] == nullptr || boxes_[q][i] == nullptr) continue;
      const PartBox& a = *boxes_[p][i];
      const PartBox& b = *boxes_[q][i];
      const double v[6] = {a.center_x,
                           a.center_y,
                           b.center_x,
                           b.center_y,
                           a.center_x - b.center_x,
                           a.center_y - b.center_y};
      n += 1;
      for (int k = 0; k < 6; ++k) {
        sum[k] += v[k];
        squares[k] += v[k] * v[k];
      }
    }
    if (n < 4) return false;
    const auto variance = [&](int k) { return squares[k] / n - sum[k] * sum[k] / (n * n); };
    const double own = variance(0) + variance(1) + variance(2) + variance(3);
    return 1 - (variance(4) + variance(5)) / own >= 0.5;
  }

 private:
  std::vector<std::vector<std::unique_ptr<PartBox>>> boxes_;
};

constexpr std::int64_t kBestNodes = 50;  // of a layer, for hits and their edges
constexpr double kOn = 0.6;  // a node that is on no part this often says nothing about edges

/// A node's best part, how often it is on it where it is seen, and all parts that it is on as often
/// as kOn.
struct Hit {
  std::size_t part{0};
  double rate{0};
  std::uint64_t parts{0};
};

Hit hit_of(const LayerSpec& spec,
           const Records& records,
           std::int64_t node,
           const PartField& field,
           const std::vector<int>& counts,
           int only = -1) {
  Hit best{0, -1, 0};
  for (std::size_t p = 0; p < field.parts(); ++p) {
    if (only >= 0 && p != static_cast<std::size_t>(only)) continue;
    double hits = 0;
    double seen = 0;
    for (std::int64_t i = 0; i < records.images(); ++i) {
      const int on = field.on(p, i,
                              {spec.pixel(static_cast<double>(records.h.at(node, i))),
                               spec.pixel(static_cast<double>(records.w.at(node, i)))});
      if (on < 0) continue;
      hits += on * counts[static_cast<std::size_t>(i)];
      seen += counts[static_cast<std::size_t>(i)];
    }
    const double rate = seen > 0 ? hits / seen : 0;
    if (rate >= kOn) best.parts |= std::uint64_t{1} << p;
    if (rate <= best.rate) continue;
    best.part = p;
    best.rate = rate;
  }
  return best;
}

/// Mean hit rate of nodes, each held to the part that it is on most often in all pictures.
Interval mean_hit(const LayerSpec& spec,
                  const Records& records,
                  const std::vector<std::int32_t>& nodes,
                  const PartField& field,
                  const LeftOut& left_out) {
  std::vector<int> parts;
  for (const std::int32_t n : nodes)
    parts.push_back(static_cast<int>(hit_of(spec, records, n, field, left_out.kept(0)).part));
  return jackknife_of(left_out, Range::kShare, [&](const std::vector<int>& kept) {
    double sum = 0;
    for (std::size_t k = 0; k < nodes.size(); ++k)
      sum += hit_of(spec, records, nodes[k], field, kept, parts[k]).rate;
    return sum / static_cast<double>(nodes.size());
  });
}

/// Edges and pairs of nodes of two layers, both on some part.
struct Pairs {
  double count{0}, same{0}, joined{0};

  void add(const Hit& a, const Hit& b, const std::vector<std::uint64_t>& together) {
    if (a.parts == 0 || b.parts == 0) return;
    std::uint64_t reach = a.parts;
    for (std::size_t p = 0; p < together.size(); ++p) {
      if ((a.parts >> p & 1U) != 0) reach |= together[p];
    }
    count += 1;
    same += (a.parts & b.parts) != 0 ? 1 : 0;
    joined += (reach & b.parts) != 0 ? 1 : 0;
  }
};

void measure_edges(const Scene& scene,
                   std::size_t l,
                   const std::vector<std::vector<Hit>>& hits,
                   const std::vector<std::uint64_t>& together,
                   const std::vector<std::vector<std::int32_t>>& best,
                   HitRow& row) {
  const graph::Layer& layer = scene.graph().layers[l];
  row.same_part = row.same_by_chance = row.together = row.by_chance = kNone;
  row.best_same_part = row.best_together = row.top_together = kNone;
  if (layer.parents == 0) return;
  std::vector<bool> good[2];  // among the best of this layer, of the one above
  for (std::size_t k = 0; k < 2; ++k) {
    good[k].resize(hits[l + k].size());
    for (const std::int32_t n : best[l + k]) good[k][static_cast<std::size_t>(n)] = true;
  }
  Pairs edges, chance, of_best, of_top;
  for (std::int64_t n = 0; n < layer.count(); ++n) {
    const Hit& child = hits[l][static_cast<std::size_t>(n)];
    for (std::int64_t j = 0; j < layer.parents; ++j) {
      const std::int32_t edge = layer.edges[static_cast<std::size_t>(n * layer.parents + j)];
      if (edge < 0) continue;
      const auto e = static_cast<std::size_t>(edge);
      edges.add(child, hits[l + 1][e], together);
      if (!good[0][static_cast<std::size_t>(n)]) continue;
      of_best.add(child, hits[l + 1][e], together);
      if (good[1][e]) of_top.add(child, hits[l + 1][e], together);
    }
    // Every seventh pair is enough to know the share.
    for (std::size_t m = static_cast<std::size_t>(n % 7); m < hits[l + 1].size(); m += 7) {
      chance.add(child, hits[l + 1][m], together);
    }
  }
  row.edges = static_cast<std::int64_t>(edges.count);
  row.best_edges = static_cast<std::int64_t>(of_best.count);
  if (row.best_edges > 0) {
    row.best_same_part = of_best.same / of_best.count;
    row.best_together = of_best.joined / of_best.count;
  }
  row.top_edges = static_cast<std::int64_t>(of_top.count);
  if (row.top_edges > 0) row.top_together = of_top.joined / of_top.count;
  if (row.edges == 0) return;
  row.same_part = edges.same / edges.count;
  row.together = edges.joined / edges.count;
  row.same_by_chance = chance.same / chance.count;
  row.by_chance = chance.joined / chance.count;
}

}  // namespace

std::vector<HitRow> measure_hits(const Scene& scene,
                                 const std::vector<std::string>& parts,
                                 const GraphEvaluationOptions& o) {
  const PartField field(scene, parts, o.tolerance);
  std::vector<HitRow> rows;
  std::vector<std::vector<std::int32_t>> best;
  std::vector<std::uint64_t> together(field.parts());
  for (std::size_t p = 0; p < field.parts(); ++p) {
    for (std::size_t q = 0; q < field.parts(); ++q) {
      if (field.together(p, q)) together[p] |= std::uint64_t{1} << q;
    }
  }
  const LeftOut left_out(scene.images(), o.samples, o.seed);
  const std::vector<int> once = left_out.kept(0);
  std::vector<std::vector<Hit>> hits;
  for (std::size_t l = 0; l < scene.records.size(); ++l) {
    const LayerSpec& spec = scene.graph().layers[l].spec;
    hits.emplace_back();
    for (std::int64_t n = 0; n < spec.count(); ++n) {
      hits[l].push_back(hit_of(spec, scene.records[l], n, field, once));
    }
    best.push_back(best_nodes(scene.records[l], std::min(o.nodes, kBestNodes), o.best));
  }
  for (std::size_t l = 0; l < scene.records.size(); ++l) {
    const LayerSpec& spec = scene.graph().layers[l].spec;
    const std::vector<std::int32_t>& nodes = best[l];
    const auto of_filters = [&](FilterKind kind) {
      const Records filters = scene.filters(l, kind);
      return mean_hit(spec, filters, best_nodes(filters, std::min(o.nodes, kBestNodes), o.best),
                      field, left_out);
    };
    HitRow row;
    row.layer = spec.name;
    row.hit = mean_hit(spec, scene.records[l], nodes, field, left_out);
    row.normalized = of_filters(FilterKind::kNormalized);
    row.plain = of_filters(FilterKind::kPlain);
    row.random = mean_hit(spec, random_positions_like(scene.records[l], spec, o.seed), nodes, field,
                          left_out);
    measure_edges(scene, l, hits, together, best, row);
    rows.push_back(row);
  }
  return rows;
}

}  // namespace cutaway::explain
