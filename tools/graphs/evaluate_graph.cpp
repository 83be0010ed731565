#include "tools/graphs/evaluate_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "explain/graph/part_template.h"
#include "explain/graph/ranking.h"
#include "runtime/error.h"
#include "runtime/philox.h"
#include "tools/graphs/bootstrap.h"
#include "tools/graphs/following.h"

namespace cutaway::tools {
namespace {

using namespace explain::graph;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Parts that enough pictures show.
std::vector<std::string> usable_parts(const Scene& scene) {
  std::vector<std::string> usable;
  for (const std::string& name : part_names(scene.features.objects)) {
    const Landmark landmark = scene.landmark(name);
    if (std::ranges::count_if(landmark, [](const PixelPoint& p) { return p.seen; }) >= 8)
      usable.push_back(name);
  }
  if (usable.size() > 64) usable.resize(64);
  if (usable.empty())
    throw Error(ErrorKind::kInput, "no part is annotated in at least eight pictures");
  return usable;
}

/// Instability over bootstrap samples: pictures in order of a node's score, and its distances to a
/// landmark.
class InstabilitySamples {
 public:
  InstabilitySamples(const LayerSpec& spec,
                     const Records& records,
                     const std::vector<std::int32_t>& nodes,
                     const std::vector<Landmark>& landmarks,
                     double side,
                     const GraphEvaluationOptions& options)
      : options_(options), diagonal_(side * std::sqrt(2.0)) {
    for (const std::int32_t n : nodes) {
      const std::vector<std::int64_t> order = best_images(records.total, n, records.images());
      for (const Landmark& landmark : landmarks) {
        std::vector<Entry> entries;
        for (const std::int64_t i : order) {
          const PixelPoint& k = landmark[static_cast<std::size_t>(i)];
          entries.push_back(
              {static_cast<std::size_t>(i), k.seen,
               std::hypot(spec.pixel(static_cast<double>(records.h.at(n, i))) - k.h,
                          spec.pixel(static_cast<double>(records.w.at(n, i))) - k.w)});
        }
        pairs_.push_back(std::move(entries));
      }
    }
    landmarks_ = landmarks.size();
  }

  [[nodiscard]] double mean(const std::vector<int>& counts) const {
    double sum = 0;
    double nodes = 0;
    for (std::size_t p = 0; p < pairs_.size(); p += landmarks_) {
      double own = 0;
      double seen = 0;
      for (std::size_t k = 0; k < landmarks_; ++k) {
        const double d = deviation(pairs_[p + k], counts);
        if (std::isnan(d)) continue;
        own += d;
        seen += 1;
      }
      if (seen == 0) continue;
      sum += own / seen;
      nodes += 1;
    }
    return nodes > 0 ? sum / nodes : kNone;
  }

 private:
  struct Entry {
    std::size_t image;
    bool seen;
    double distance;
  };

  [[nodiscard]] double deviation(const std::vector<Entry>& entries,
                                 const std::vector<int>& counts) const {
    double n = 0;
    double sum = 0;
    double squares = 0;
    std::int64_t taken = 0;
    for (const Entry& e : entries) {
      for (int c = 0; c < counts[e.image] && taken < options_.best; ++c) {
        taken += e.seen || options_.choose_first ? 1 : 0;
        if (!e.seen) continue;
        n += 1;
        sum += e.distance;
        squares += e.distance * e.distance;
      }
    }
    if (n < 2) return kNone;
    return std::sqrt(std::max(0.0, squares - sum * sum / n) / (n - 1)) / diagonal_;
  }

  GraphEvaluationOptions options_;
  double diagonal_;
  std::size_t landmarks_{0};
  std::vector<std::vector<Entry>> pairs_;
};

/// Every node at its mean place in every picture.
Records held_still(const Records& like) {
  Records records = like;
  for (std::int64_t n = 0; n < like.nodes(); ++n) {
    for (Rows* rows : {&records.h, &records.w}) {
      double mean = 0;
      for (std::int64_t i = 0; i < like.images(); ++i) mean += static_cast<double>(rows->row(n)[i]);
      std::fill_n(rows->row(n), like.images(),
                  static_cast<float>(mean / static_cast<double>(like.images())));
    }
  }
  return records;
}

void measure_instability(const Scene& scene,
                         const GraphEvaluationOptions& o,
                         GraphEvaluation& out) {
  std::vector<Landmark> landmarks;
  for (const std::string& name : out.landmarks) landmarks.push_back(scene.landmark(name));
  const auto samples = static_cast<std::size_t>(o.samples) + 1;
  const std::size_t layers = scene.records.size();
  std::vector<double> all[4];
  for (auto& v : all) v.assign(samples, 0.0);
  for (std::size_t l = 0; l < layers; ++l) {
    const LayerSpec& spec = scene.graph().layers[l].spec;
    const Records raw = raw_filters(scene.features.maps[l], scene.mirror);
    const auto nodes = best_nodes(scene.records[l], o.nodes, o.best);
    const Records random = random_positions_like(scene.records[l], spec, o.seed);
    const Records still = held_still(scene.records[l]);
    const auto side = static_cast<double>(scene.side);
    const InstabilitySamples sources[4] = {
        {spec, scene.records[l], nodes, landmarks, side, o},
        {spec, raw, best_nodes(raw, o.nodes, o.best), landmarks, side, o},
        {spec, random, nodes, landmarks, side, o},
        {spec, still, nodes, landmarks, side, o}};
    std::vector<double> own[5];
    for (auto& v : own) v.resize(samples);
    for (std::size_t k = 0; k < samples; ++k) {
      const std::vector<int> counts =
          resample(scene.images(), static_cast<std::int64_t>(k), o.seed);
      for (std::size_t s = 0; s < 4; ++s) {
        own[s][k] = sources[s].mean(counts);
        all[s][k] += own[s][k] / static_cast<double>(layers);
      }
      own[4][k] = own[0][k] / own[1][k];
    }
    out.instability.push_back({spec.name, interval_of(own[0]), interval_of(own[1]),
                               interval_of(own[2]), interval_of(own[3]), interval_of(own[4])});
  }
  std::vector<double> ratio(samples);
  for (std::size_t k = 0; k < samples; ++k) ratio[k] = all[0][k] / all[1][k];
  out.graph = interval_of(all[0]);
  out.filters = interval_of(all[1]);
  out.random = interval_of(all[2]);
  out.still = interval_of(all[3]);
  out.ratio = interval_of(ratio);
}

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

double mean_hit(const LayerSpec& spec,
                const Records& records,
                const std::vector<std::int32_t>& nodes,
                const PartField& field,
                const std::vector<int>& once) {
  double sum = 0;
  for (const std::int32_t n : nodes) sum += hit_of(spec, records, n, field, once).rate;
  return sum / static_cast<double>(nodes.size());
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
                   const std::vector<std::int32_t>& best_nodes,
                   HitRow& row) {
  const explain::graph::Layer& layer = scene.graph().layers[l];
  row.same_part = row.same_by_chance = row.together = row.by_chance = kNone;
  row.best_same_part = row.best_together = kNone;
  if (layer.parents == 0) return;
  std::vector<bool> best(static_cast<std::size_t>(layer.count()));
  for (const std::int32_t n : best_nodes) best[static_cast<std::size_t>(n)] = true;
  Pairs edges, chance, of_best;
  for (std::int64_t n = 0; n < layer.count(); ++n) {
    const Hit& child = hits[l][static_cast<std::size_t>(n)];
    for (std::int64_t j = 0; j < layer.parents; ++j) {
      const auto e =
          static_cast<std::size_t>(layer.edges[static_cast<std::size_t>(n * layer.parents + j)]);
      edges.add(child, hits[l + 1][e], together);
      if (best[static_cast<std::size_t>(n)]) of_best.add(child, hits[l + 1][e], together);
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
  if (row.edges == 0) return;
  row.same_part = edges.same / edges.count;
  row.together = edges.joined / edges.count;
  row.same_by_chance = chance.same / chance.count;
  row.by_chance = chance.joined / chance.count;
}

void measure_hits(const Scene& scene, const GraphEvaluationOptions& o, GraphEvaluation& out) {
  const PartField field(scene, out.landmarks, o.tolerance);
  std::vector<std::uint64_t> together(field.parts());
  for (std::size_t p = 0; p < field.parts(); ++p) {
    for (std::size_t q = 0; q < field.parts(); ++q) {
      if (field.together(p, q)) together[p] |= std::uint64_t{1} << q;
    }
  }
  const std::vector<int> once = resample(scene.images(), 0, o.seed);
  std::vector<std::vector<Hit>> hits;
  for (std::size_t l = 0; l < scene.records.size(); ++l) {
    const LayerSpec& spec = scene.graph().layers[l].spec;
    hits.emplace_back();
    for (std::int64_t n = 0; n < spec.count(); ++n) {
      hits[l].push_back(hit_of(spec, scene.records[l], n, field, once));
    }
  }
  for (std::size_t l = 0; l < scene.records.size(); ++l) {
    const LayerSpec& spec = scene.graph().layers[l].spec;
    const auto nodes = best_nodes(scene.records[l], std::min(o.nodes, kBestNodes), o.best);
    std::vector<double> samples;
    for (std::int64_t k = 0; k <= std::min<std::int64_t>(o.samples, 100); ++k) {
      const std::vector<int> counts = resample(scene.images(), k, o.seed);
      double sum = 0;
      // The part is chosen once, from all pictures.
      for (const std::int32_t n : nodes) {
        const auto part = static_cast<int>(hits[l][static_cast<std::size_t>(n)].part);
        sum += hit_of(spec, scene.records[l], n, field, counts, part).rate;
      }
      samples.push_back(sum / static_cast<double>(nodes.size()));
    }
    HitRow row;
    row.layer = spec.name;
    row.hit = interval_of(samples);
    const Records raw = raw_filters(scene.features.maps[l], scene.mirror);
    row.filters =
        mean_hit(spec, raw, best_nodes(raw, std::min(o.nodes, kBestNodes), o.best), field, once);
    row.random =
        mean_hit(spec, random_positions_like(scene.records[l], spec, o.seed), nodes, field, once);
    measure_edges(scene, l, hits, together, nodes, row);
    out.hits.push_back(row);
  }
}

/// Filters by themselves as a graph without edges, for the same localiser.
ExplanatoryGraph filter_graph(const Scene& scene, std::vector<Records>& records) {
  ExplanatoryGraph graph;
  for (std::size_t l = 0; l < scene.records.size(); ++l) {
    explain::graph::Layer layer;
    layer.spec = scene.graph().layers[l].spec;
    layer.spec.nodes = 1;
    records.push_back(raw_filters(scene.features.maps[l], scene.mirror));
    for (std::int64_t d = 0; d < layer.spec.filters; ++d) {
      double sum = 0;
      for (std::int64_t i = 0; i < scene.images(); ++i)
        sum += static_cast<double>(records[l].total.at(d, i));
      layer.mean_total.push_back(static_cast<float>(sum / static_cast<double>(scene.images())));
    }
    graph.layers.push_back(std::move(layer));
  }
  return graph;
}

/// Distances and hits of one way to find a part, a picture each.
struct Found {
  std::vector<double> distance, hit, tries;
  explicit Found(std::int64_t images)
      : distance(static_cast<std::size_t>(images)), hit(distance.size()), tries(distance.size()) {}

  void add(std::int64_t image, const PixelPoint& at, const PartBox& truth, double diagonal) {
    const auto i = static_cast<std::size_t>(image);
    distance[i] += std::hypot(at.w - truth.center_x, at.h - truth.center_y) / diagonal;
    const PixelBox& b = truth.box;
    hit[i] += at.w >= b.x1 && at.w <= b.x2 && at.h >= b.y1 && at.h <= b.y2 ? 1 : 0;
    tries[i] += 1;
  }
  [[nodiscard]] Interval mean(const std::vector<double>& of,
                              const GraphEvaluationOptions& o) const {
    std::vector<double> samples;
    for (std::int64_t k = 0; k <= o.samples; ++k) {
      const auto counts = resample(static_cast<std::int64_t>(of.size()), k, o.seed);
      double sum = 0;
      double n = 0;
      for (std::size_t i = 0; i < of.size(); ++i) {
        sum += counts[i] * of[i];
        n += counts[i] * tries[i];
      }
      samples.push_back(n > 0 ? sum / n : kNone);
    }
    return interval_of(samples);
  }
};

void measure_shots(const Scene& scene, const GraphEvaluationOptions& o, GraphEvaluation& out) {
  std::vector<Records> raw;
  const ExplanatoryGraph filters = filter_graph(scene, raw);
  const double diagonal = scene.side * std::sqrt(2.0);
  for (std::size_t p = 0; p < out.landmarks.size(); ++p) {
    std::vector<std::unique_ptr<PartBox>> truth;
    std::vector<std::int64_t> seen;
    for (std::int64_t i = 0; i < scene.images(); ++i) {
      truth.push_back(scene.part(i, out.landmarks[p]));
      if (truth.back() != nullptr) seen.push_back(i);
    }
    Found by_graph(scene.images()), by_filters(scene.images()), by_mean(scene.images());
    for (std::int64_t r = 0; r < o.repeats; ++r) {
      const Philox random{o.seed, 0x5107500000ULL + static_cast<std::uint64_t>(r)};
      std::vector<std::int64_t> order = seen;
      std::vector<Shot> shots;
      PixelPoint mean;
      for (std::size_t k = 0; k < static_cast<std::size_t>(o.shots) && k + 1 < order.size(); ++k) {
        const std::uint64_t left = order.size() - k;
        std::swap(order[k], order[k + ((std::uint64_t{random.word(k)} * left) >> 32U)]);
        const PartBox& part = *truth[static_cast<std::size_t>(order[k])];
        shots.push_back({order[k], {part.center_y, part.center_x}});
        mean.h += part.center_y;
        mean.w += part.center_x;
      }
      mean.h /= static_cast<double>(shots.size());
      mean.w /= static_cast<double>(shots.size());
      const PartTemplates graph_templates(scene.graph(), scene.records, shots);
      const PartTemplates filter_templates(filters, raw, shots);
      for (std::size_t k = shots.size(); k < order.size(); ++k) {
        const PartBox& part = *truth[static_cast<std::size_t>(order[k])];
        by_graph.add(order[k],
                     graph_templates.locate(scene.graph(), scene.records, order[k], scene.side).at,
                     part, diagonal);
        by_filters.add(order[k], filter_templates.locate(filters, raw, order[k], scene.side).at,
                       part, diagonal);
        by_mean.add(order[k], mean, part, diagonal);
      }
    }
    out.shots.push_back({out.landmarks[p], by_graph.mean(by_graph.distance, o),
                         by_filters.mean(by_filters.distance, o), by_mean.mean(by_mean.distance, o),
                         by_graph.mean(by_graph.hit, o).value,
                         by_filters.mean(by_filters.hit, o).value,
                         by_mean.mean(by_mean.hit, o).value});
  }
}

}  // namespace

GraphEvaluation evaluate_graph(const Scene& scene, const GraphEvaluationOptions& options) {
  GraphEvaluation out;
  out.landmarks = usable_parts(scene);
  measure_instability(scene, options, out);
  out.follow = measure_following(scene, out.landmarks, options);
  measure_hits(scene, options, out);
  if (options.repeats > 0) measure_shots(scene, options, out);
  return out;
}

}  // namespace cutaway::tools
