#include "explain/graph/evaluation/few_shots.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "explain/graph/part_template.h"
#include "explain/statistics/bootstrap.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

using namespace graph;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Filters by themselves as a graph without edges, for the same localiser.
ExplanatoryGraph filter_graph(const Scene& scene, std::vector<Records>& records) {
  ExplanatoryGraph graph;
  for (std::size_t l = 0; l < scene.records.size(); ++l) {
    graph::Layer layer;
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
  /// Over the pictures, weighted.
  [[nodiscard]] Interval mean(const std::vector<double>& of,
                              const std::vector<double>& weight,
                              const GraphEvaluationOptions& o) const {
    std::vector<double> samples;
    for (std::int64_t k = 0; k <= o.samples; ++k) {
      const auto counts = resample(static_cast<std::int64_t>(of.size()), k, o.seed);
      double sum = 0;
      double n = 0;
      for (std::size_t i = 0; i < of.size(); ++i) {
        sum += weight[i] * counts[i] * of[i];
        n += weight[i] * counts[i] * tries[i];
      }
      samples.push_back(n > 0 ? sum / n : kNone);
    }
    return interval_of(samples);
  }
};

/// Of the pictures that show a part, the half in which it is farthest from its mean place: 1;
/// others 0.
std::vector<double> far_pictures(const std::vector<std::unique_ptr<PartBox>>& truth) {
  PixelPoint mean;
  double n = 0;
  for (const auto& part : truth) {
    if (part == nullptr) continue;
    mean.h += part->center_y;
    mean.w += part->center_x;
    n += 1;
  }
  mean.h /= n;
  mean.w /= n;
  std::vector<double> distance;
  for (const auto& part : truth) {
    if (part != nullptr)
      distance.push_back(std::hypot(part->center_x - mean.w, part->center_y - mean.h));
  }
  const auto middle = distance.begin() + static_cast<std::ptrdiff_t>(distance.size() / 2);
  std::ranges::nth_element(distance, middle);
  std::vector<double> far;
  for (const auto& part : truth) {
    const bool is =
        part != nullptr && std::hypot(part->center_x - mean.w, part->center_y - mean.h) >= *middle;
    far.push_back(is ? 1 : 0);
  }
  return far;
}

}  // namespace

std::vector<ShotRow> measure_shots(const Scene& scene,
                                   const std::vector<std::string>& parts,
                                   const GraphEvaluationOptions& o) {
  std::vector<ShotRow> rows;
  std::vector<Records> raw;
  const ExplanatoryGraph filters = filter_graph(scene, raw);
  const double diagonal = scene.side * std::sqrt(2.0);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    std::vector<std::unique_ptr<PartBox>> truth;
    std::vector<std::int64_t> seen;
    for (std::int64_t i = 0; i < scene.images(); ++i) {
      truth.push_back(scene.part(i, parts[p]));
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
    const std::vector<double> all(truth.size(), 1.0);
    const std::vector<double> far = far_pictures(truth);
    const auto distance = [&](const Found& by, const std::vector<double>& pictures) {
      return by.mean(by.distance, pictures, o);
    };
    const auto in_box = [&](const Found& by) { return by.mean(by.hit, all, o).value; };
    rows.push_back({parts[p], distance(by_graph, all), distance(by_filters, all),
                    distance(by_mean, all), distance(by_graph, far), distance(by_filters, far),
                    distance(by_mean, far), in_box(by_graph), in_box(by_filters), in_box(by_mean)});
  }
  return rows;
}

}  // namespace cutaway::explain
