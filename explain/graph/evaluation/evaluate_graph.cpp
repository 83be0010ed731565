#include "explain/graph/evaluation/evaluate_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "explain/graph/evaluation/beside_filters.h"
#include "explain/graph/evaluation/few_shots.h"
#include "explain/graph/evaluation/following.h"
#include "explain/graph/evaluation/part_discs.h"
#include "explain/graph/evaluation/part_hits.h"
#include "explain/graph/ranking.h"
#include "explain/statistics/jackknife.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

using namespace graph;

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

/// Instability over some of the pictures, which stand in the order of a node's score with its
/// distances to a landmark: those left out make room for the next best.
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

  [[nodiscard]] double mean(const std::vector<int>& kept) const {
    double sum = 0;
    double nodes = 0;
    for (std::size_t p = 0; p < pairs_.size(); p += landmarks_) {
      double own = 0;
      double seen = 0;
      for (std::size_t k = 0; k < landmarks_; ++k) {
        const double d = deviation(pairs_[p + k], kept);
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
                                 const std::vector<int>& kept) const {
    double n = 0;
    double sum = 0;
    double squares = 0;
    std::int64_t taken = 0;
    for (const Entry& e : entries) {
      if (taken == options_.best) break;
      if (kept[e.image] == 0) continue;
      taken += e.seen || options_.choose_first ? 1 : 0;
      if (!e.seen) continue;
      n += 1;
      sum += e.distance;
      squares += e.distance * e.distance;
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

/// Values of everything in a row, on all pictures and without each group.
struct InstabilityValues {
  std::vector<double> of[5];  // graph, normalised, plain, random, still

  InstabilityRow row(const std::string& name, const LeftOut& left_out) const {
    const auto size = [&](std::size_t s) { return jackknife(of[s], left_out, Range::kPositive); };
    const auto over = [&](std::size_t s) {
      std::vector<double> ratio;
      for (std::size_t k = 0; k < of[s].size(); ++k) ratio.push_back(of[0][k] / of[s][k]);
      return jackknife(ratio, left_out, Range::kPositive);
    };
    return {name, size(0), size(1), size(2), size(3), size(4), over(1), over(2)};
  }
};

void measure_instability(const Scene& scene,
                         const GraphEvaluationOptions& o,
                         GraphEvaluation& out) {
  std::vector<Landmark> landmarks;
  for (const std::string& name : out.landmarks) landmarks.push_back(scene.landmark(name));
  const LeftOut left_out(scene.images(), o.samples, o.seed);
  const std::size_t layers = scene.records.size();
  const auto values = static_cast<std::size_t>(left_out.groups()) + 1;
  InstabilityValues all;
  for (auto& v : all.of) v.assign(values, 0.0);
  for (std::size_t l = 0; l < layers; ++l) {
    const LayerSpec& spec = scene.graph().layers[l].spec;
    const Records& own = scene.records[l];
    const Records normalized = scene.filters(l, FilterKind::kNormalized);
    const Records plain = scene.filters(l, FilterKind::kPlain);
    const auto nodes = best_nodes(own, o.nodes, o.best);
    const auto side = static_cast<double>(scene.side);
    const InstabilitySamples sources[5] = {
        {spec, own, nodes, landmarks, side, o},
        {spec, normalized, best_nodes(normalized, o.nodes, o.best), landmarks, side, o},
        {spec, plain, best_nodes(plain, o.nodes, o.best), landmarks, side, o},
        {spec, random_positions_like(own, spec, o.seed), nodes, landmarks, side, o},
        {spec, held_still(own), nodes, landmarks, side, o}};
    InstabilityValues layer;
    for (std::size_t k = 0; k < values; ++k) {
      const std::vector<int> kept = left_out.kept(static_cast<std::int64_t>(k));
      for (std::size_t s = 0; s < 5; ++s) {
        layer.of[s].push_back(sources[s].mean(kept));
        all.of[s][k] += layer.of[s][k] / static_cast<double>(layers);
      }
    }
    out.instability.push_back(layer.row(spec.name, left_out));
  }
  out.mean = all.row("mean", left_out);
}

}  // namespace

GraphEvaluation evaluate_graph(const Scene& scene, const GraphEvaluationOptions& options) {
  GraphEvaluation out;
  out.landmarks = usable_parts(scene);
  measure_instability(scene, options, out);
  out.follow = measure_following(scene, out.landmarks, options);
  out.hits = measure_hits(scene, out.landmarks, options);
  out.discs = measure_discs(scene, out.landmarks, options);
  if (options.repeats > 0) out.shots = measure_shots(scene, out.landmarks, options);
  return out;
}

}  // namespace cutaway::explain
