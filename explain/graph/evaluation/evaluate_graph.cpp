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
#include "explain/statistics/bootstrap.h"
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
