#include "explain/graph/evaluation/few_shots.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <tuple>

#include "explain/graph/part_template.h"
#include "explain/statistics/jackknife.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

using namespace graph;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Filters by themselves as a graph without edges, for the same localiser.
ExplanatoryGraph filter_graph(const Scene& scene, FilterKind kind, std::vector<Records>& records) {
  ExplanatoryGraph graph;
  for (std::size_t l = 0; l < scene.records.size(); ++l) {
    graph::Layer layer;
    layer.spec = scene.graph().layers[l].spec;
    layer.spec.nodes = 1;
    records.push_back(scene.filters(l, kind));
    // A place that says nothing counts as none, not against it.
    for (std::int64_t d = 0; d < layer.spec.filters; ++d) {
      for (std::int64_t i = 0; i < scene.images(); ++i) {
        float& total = records[l].total.row(d)[i];
        total = std::max(total, 0.0f);
      }
    }
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

/// One choice of pictures in which the part is shown, and what was found in the others.
struct Trial {
  std::vector<std::size_t> shown;
  std::vector<double> distance, hit;  // a picture each; NaN where it was not looked for
};

/// One way to find a part, over all choices.
class Found {
 public:
  explicit Found(std::int64_t images) : images_(static_cast<std::size_t>(images)) {}

  void begin(const std::vector<Shot>& shots) {
    Trial& t = trials_.emplace_back();
    for (const Shot& s : shots) t.shown.push_back(static_cast<std::size_t>(s.image));
    t.distance.assign(images_, kNone);
    t.hit.assign(images_, kNone);
  }
  void add(std::int64_t image, const PixelPoint& at, const PartBox& truth, double diagonal) {
    const auto i = static_cast<std::size_t>(image);
    trials_.back().distance[i] =
        std::hypot(at.w - truth.center_x, at.h - truth.center_y) / diagonal;
    const PixelBox& b = truth.box;
    trials_.back().hit[i] = at.w >= b.x1 && at.w <= b.x2 && at.h >= b.y1 && at.h <= b.y2 ? 1 : 0;
  }
  /// Over the pictures, weighted. A picture that is left out is neither shown nor looked at.
  [[nodiscard]] double mean(std::vector<double> Trial::*of,
                            const std::vector<double>& weight,
                            const std::vector<int>& kept) const {
    double sum = 0;
    double n = 0;
    for (const Trial& t : trials_) {
      if (!std::ranges::all_of(t.shown, [&](std::size_t i) { return kept[i] != 0; })) continue;
      for (std::size_t i = 0; i < images_; ++i) {
        if (kept[i] == 0 || std::isnan((t.*of)[i])) continue;
        sum += weight[i] * (t.*of)[i];
        n += weight[i];
      }
    }
    return n > 0 ? sum / n : kNone;
  }
  [[nodiscard]] ShotRow::Of row(const std::vector<double>& far, const LeftOut& left_out) const {
    const std::vector<double> all(images_, 1.0);
    const auto distance = [&](const std::vector<double>& weight) {
      return jackknife_of(left_out, Range::kPositive, [&](const std::vector<int>& kept) {
        return mean(&Trial::distance, weight, kept);
      });
    };
    return {distance(all), distance(far), mean(&Trial::hit, all, left_out.kept(0))};
  }

 private:
  std::size_t images_;
  std::vector<Trial> trials_;
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
  std::vector<Records> normalized, plain;
  const ExplanatoryGraph of_normalized = filter_graph(scene, FilterKind::kNormalized, normalized);
  const ExplanatoryGraph of_plain = filter_graph(scene, FilterKind::kPlain, plain);
  const std::tuple<const ExplanatoryGraph*, const std::vector<Records>*> ways[3] = {
      {&scene.graph(), &scene.records}, {&of_normalized, &normalized}, {&of_plain, &plain}};
  const LeftOut left_out(scene.images(), o.samples, o.seed);
  const double diagonal = scene.side * std::sqrt(2.0);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    std::vector<std::unique_ptr<PartBox>> truth;
    std::vector<std::int64_t> seen;
    for (std::int64_t i = 0; i < scene.images(); ++i) {
      truth.push_back(scene.part(i, parts[p]));
      if (truth.back() != nullptr) seen.push_back(i);
    }
    std::vector<Found> by(4, Found(scene.images()));  // the ways, and the mean place
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
      for (Found& f : by) f.begin(shots);
      for (std::size_t way = 0; way < 3; ++way) {
        const auto& [graph, records] = ways[way];
        const PartTemplates templates(*graph, *records, shots);
        for (std::size_t k = shots.size(); k < order.size(); ++k) {
          by[way].add(order[k], templates.locate(*graph, *records, order[k], scene.side).at,
                      *truth[static_cast<std::size_t>(order[k])], diagonal);
        }
      }
      for (std::size_t k = shots.size(); k < order.size(); ++k)
        by[3].add(order[k], mean, *truth[static_cast<std::size_t>(order[k])], diagonal);
    }
    const std::vector<double> far = far_pictures(truth);
    rows.push_back({parts[p], by[0].row(far, left_out), by[1].row(far, left_out),
                    by[2].row(far, left_out), by[3].row(far, left_out)});
  }
  return rows;
}

}  // namespace cutaway::explain
