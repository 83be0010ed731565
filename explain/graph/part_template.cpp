#include "explain/graph/part_template.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/error.h"

namespace cutaway::explain::graph {
namespace {

constexpr std::int64_t kBump = 11;  // a vote reaches so far, pixels
constexpr double kSpread = 35;      // standard deviation of a vote along an axis
constexpr double kNear = 70;        // of the preference for nodes near the part

void standardise(std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  const double deviation = std::sqrt(squares / n);
  for (double& v : values) v = deviation > 0 ? (v - mean) / deviation : 0;
}

double bump(double h, double w) {
  const double norm = kSpread * std::sqrt(2.0);
  const auto corner = static_cast<double>(kBump);
  return 5 * (std::exp(-std::hypot(h, w) / norm) - std::exp(-std::hypot(corner, corner) / norm));
}

}  // namespace

PartTemplates::PartTemplates(const ExplanatoryGraph& graph,
                             std::span<const Records> records,
                             std::span<const Shot> shots,
                             std::int64_t nodes_a_layer) {
  if (shots.empty()) throw Error(ErrorKind::kUsage, "a part template without an example");
  for (const Shot& shot : shots) {
    std::vector<Voter> voters;
    for (std::size_t l = 0; l < graph.layers.size(); ++l) {
      const Layer& layer = graph.layers[l];
      const auto count = static_cast<std::size_t>(layer.count());
      std::vector<double> here(count), anywhere(count), quality(count);
      for (std::size_t n = 0; n < count; ++n) {
        here[n] =
            static_cast<double>(records[l].total.at(static_cast<std::int64_t>(n), shot.image));
        anywhere[n] = static_cast<double>(layer.mean_total[n]);
      }
      standardise(here);
      standardise(anywhere);
      const auto offset = [&](std::size_t n) {
        const auto node = static_cast<std::int64_t>(n);
        return PixelPoint{
            shot.center.h -
                layer.spec.pixel(static_cast<double>(records[l].h.at(node, shot.image))),
            shot.center.w -
                layer.spec.pixel(static_cast<double>(records[l].w.at(node, shot.image)))};
      };
      for (std::size_t n = 0; n < count; ++n) {
        const PixelPoint o = offset(n);
        quality[n] = 1.5 * here[n] + 5 * anywhere[n] - (o.h * o.h + o.w * o.w) / (kNear * kNear);
      }
      std::vector<std::size_t> order(count);
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::ranges::stable_sort(
          order, [&](std::size_t a, std::size_t b) { return quality[a] > quality[b]; });
      order.resize(std::min(count, static_cast<std::size_t>(nodes_a_layer)));
      for (const std::size_t n : order) {
        const PixelPoint o = offset(n);
        voters.push_back({l, static_cast<std::int64_t>(n), o.h, o.w});
      }
    }
    templates_.push_back(std::move(voters));
  }
}

Located PartTemplates::locate(const ExplanatoryGraph& graph,
                              std::span<const Records> records,
                              std::int64_t image,
                              std::int64_t side) const {
  Located best;
  best.score = -1;
  std::vector<double> votes(static_cast<std::size_t>(side * side));
  for (std::size_t t = 0; t < templates_.size(); ++t) {
    std::ranges::fill(votes, 0.0);
    std::vector<PixelPoint> places;
    std::vector<double> weights;
    for (const Voter& v : templates_[t]) {
      const Layer& layer = graph.layers[v.layer];
      const double mean = static_cast<double>(layer.mean_total[static_cast<std::size_t>(v.node)]);
      const double total = static_cast<double>(records[v.layer].total.at(v.node, image));
      weights.push_back(mean > 0 ? std::min(3.0, total / mean) : 0.0);
      places.push_back(
          {layer.spec.pixel(static_cast<double>(records[v.layer].h.at(v.node, image))) + v.h,
           layer.spec.pixel(static_cast<double>(records[v.layer].w.at(v.node, image))) + v.w});
      const auto h = static_cast<std::int64_t>(std::lround(std::clamp(places.back().h, -1e6, 1e6)));
      const auto w = static_cast<std::int64_t>(std::lround(std::clamp(places.back().w, -1e6, 1e6)));
      for (std::int64_t y = std::max<std::int64_t>(0, h - kBump);
           y <= std::min(side - 1, h + kBump); ++y) {
        for (std::int64_t x = std::max<std::int64_t>(0, w - kBump);
             x <= std::min(side - 1, w + kBump); ++x) {
          votes[static_cast<std::size_t>(y * side + x)] +=
              weights.back() * bump(static_cast<double>(y - h), static_cast<double>(x - w));
        }
      }
    }
    const auto at = std::ranges::max_element(votes) - votes.begin();
    const PixelPoint center{static_cast<double>(at / side), static_cast<double>(at % side)};
    double score = 0;
    for (std::size_t v = 0; v < places.size(); ++v) {
      const double h = places[v].h - center.h;
      const double w = places[v].w - center.w;
      score += weights[v] * std::exp(-(h * h + w * w) / (4 * kSpread * kSpread)) /
               static_cast<double>(places.size());
    }
    if (score > best.score) best = {center, score, t};
  }
  return best;
}

}  // namespace cutaway::explain::graph
