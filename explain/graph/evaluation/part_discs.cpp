#include "explain/graph/evaluation/part_discs.h"

#include <algorithm>
#include <cmath>

#include "explain/graph/evaluation/beside_filters.h"
#include "explain/graph/ranking.h"
#include "explain/statistics/jackknife.h"

namespace cutaway::explain {
namespace {

using namespace graph;

constexpr double kKept = 0.005;         // of all cells of all pictures
constexpr double kOverlap = 0.2;        // from which a disc is on a part
constexpr double kRadius = 35.0 / 224;  // over the side

using Parts = std::vector<std::vector<std::unique_ptr<PartBox>>>;  // a part, a picture

/// The pictures in which a node is on its best part, and those that show that part.
struct Pointer {
  std::vector<int> on, seen;
};

Pointer pointer_of(const LayerSpec& spec,
                   const Records& records,
                   std::int64_t node,
                   const Parts& parts,
                   int side) {
  const auto cells = static_cast<double>(spec.size * spec.size);
  const auto kept = static_cast<std::int64_t>(
      std::ceil(std::min(1.0, kKept * cells) * static_cast<double>(records.images())));
  std::vector<bool> active(static_cast<std::size_t>(records.images()));
  for (const std::int64_t i : best_images(records.peak, node, kept))
    active[static_cast<std::size_t>(i)] = records.peak.at(node, i) > 0;
  Pointer best;
  double most = -1;
  for (const auto& part : parts) {
    Pointer p{std::vector<int>(active.size()), std::vector<int>(active.size())};
    double on = 0;
    double seen = 0;
    for (std::size_t i = 0; i < active.size(); ++i) {
      if (part[i] == nullptr) continue;
      p.seen[i] = 1;
      seen += 1;
      const auto image = static_cast<std::int64_t>(i);
      const double x = spec.pixel(static_cast<double>(records.w.at(node, image)));
      const double y = spec.pixel(static_cast<double>(records.h.at(node, image)));
      if (!active[i] || disc_overlap(x, y, kRadius * side, part[i]->box, side) <= kOverlap)
        continue;
      p.on[i] = 1;
      on += 1;
    }
    if (seen == 0 || on / seen <= most) continue;
    most = on / seen;
    best = std::move(p);
  }
  return best;
}

Interval mean_share(const std::vector<Pointer>& pointers,
                    std::int64_t images,
                    const GraphEvaluationOptions& o) {
  const LeftOut left_out(images, o.samples, o.seed);
  return jackknife_of(left_out, Range::kShare, [&](const std::vector<int>& kept) {
    double sum = 0;
    for (const Pointer& p : pointers) {
      double on = 0;
      double seen = 0;
      for (std::size_t i = 0; i < kept.size(); ++i) {
        on += kept[i] * p.on[i];
        seen += kept[i] * p.seen[i];
      }
      sum += seen > 0 ? on / seen : 0;
    }
    return sum / static_cast<double>(pointers.size());
  });
}

}  // namespace

double disc_overlap(double x, double y, double radius, const PixelBox& box, int side) {
  double disc = 0;
  double both = 0;
  const auto first = std::max(0.0, std::ceil(y - radius));
  const auto last = std::min(side - 1.0, std::floor(y + radius));
  const double x1 = std::max(0.0, std::ceil(box.x1));
  const double x2 = std::min(side - 1.0, std::floor(box.x2));
  for (double row = first; row <= last; ++row) {
    const double half = std::sqrt(std::max(0.0, radius * radius - (row - y) * (row - y)));
    const double left = std::max(0.0, std::ceil(x - half));
    const double right = std::min(side - 1.0, std::floor(x + half));
    if (right < left) continue;
    disc += right - left + 1;
    if (row < box.y1 || row > box.y2) continue;
    both += std::max(0.0, std::min(right, x2) - std::max(left, x1) + 1);
  }
  const double y1 = std::max(0.0, std::ceil(box.y1));
  const double y2 = std::min(side - 1.0, std::floor(box.y2));
  const double boxed = std::max(0.0, x2 - x1 + 1) * std::max(0.0, y2 - y1 + 1);
  const double all = disc + boxed - both;
  return all > 0 ? both / all : 0;
}

std::vector<FilterRow> measure_discs(const Scene& scene,
                                     const std::vector<std::string>& names,
                                     const GraphEvaluationOptions& o) {
  Parts parts;
  for (const std::string& name : names) {
    parts.emplace_back();
    for (std::int64_t i = 0; i < scene.images(); ++i) parts.back().push_back(scene.part(i, name));
  }
  return measure_beside_filters(
      scene, o,
      [&](const LayerSpec& spec, const Records& records, const std::vector<std::int32_t>& nodes) {
        std::vector<Pointer> pointers;
        for (const std::int32_t n : nodes)
          pointers.push_back(pointer_of(spec, records, n, parts, scene.side));
        return mean_share(pointers, scene.images(), o);
      });
}

}  // namespace cutaway::explain
