#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "explain/graph/learn.h"

/// Maps on which parts were planted, so that it is known which nodes and edges are right.
namespace cutaway::tests {

namespace graph = cutaway::explain::graph;

struct Point {
  double h{0}, w{0};
};
inline double distance(Point a, Point b) { return std::hypot(a.h - b.h, a.w - b.w); }

/// An object of two groups of parts, each filter with a part of each group; groups move
/// independently.
class Planted {
 public:
  static constexpr std::int64_t kFilters = 8;
  static constexpr std::size_t kParts = 2;

  explicit Planted(std::uint64_t seed) : random_(seed) {
    specs_ = {{"low", kFilters, 28, 40, 0.05, 8, 3.5},
              {"middle", kFilters, 14, 20, 0.1, 16, 7.5},
              {"top", kFilters, 14, 20, 0.1, 16, 7.5}};
    for (std::size_t l = 0; l < specs_.size(); ++l) {
      for (std::int64_t c = 0; c < kFilters; ++c) {
        Point a{uniform(52, 172), uniform(52, 172)};
        Point b = a;
        while (distance(a, b) < 48) b = {uniform(52, 172), uniform(52, 172)};
        place_.push_back(a);
        place_.push_back(b);
      }
    }
  }

  [[nodiscard]] const std::vector<graph::LayerSpec>& specs() const { return specs_; }

  /// Pictures of the object. Truth of picture i: group_center(i, g), part(i, l, c, p),
  /// present(...).
  struct Images {
    graph::ShardFeatures features;
    std::vector<std::array<Point, 2>> centers;
    std::vector<Point> parts;  // image, layer, filter, part
    std::vector<bool> present;
  };
  [[nodiscard]] Images draw(std::int64_t count) {
    Images images;
    for (const graph::LayerSpec& s : specs_) images.features.emplace_back(count, s.filters, s.size);
    std::normal_distribution<double> normal;
    for (std::int64_t i = 0; i < count; ++i) {
      const Point t{uniform(-4, 4), uniform(-4, 4)};
      std::array<Point, 2> moved;
      for (Point& g : moved) g = {t.h + uniform(-28, 28), t.w + uniform(-28, 28)};
      images.centers.push_back(
          {Point{112 + moved[0].h, 112 + moved[0].w}, Point{112 + moved[1].h, 112 + moved[1].w}});
      for (std::size_t l = 0; l < specs_.size(); ++l) {
        std::vector<float> values;
        for (std::int64_t c = 0; c < kFilters; ++c) {
          std::vector<std::pair<Point, double>> seen;
          for (std::size_t p = 0; p < kParts; ++p) {
            const Point at = place_[part_index(l, c, p)];
            const Point shift = moved[group(c, p)];
            const Point where{at.h + shift.h + 2 * normal(random_),
                              at.w + shift.w + 2 * normal(random_)};
            const bool there = uniform(0, 1) >= 0.1;
            images.parts.push_back(where);
            images.present.push_back(there);
            if (there) seen.emplace_back(where, uniform(0.7, 1.3));
          }
          for (int k = 0; k < 2; ++k) {
            seen.emplace_back(Point{uniform(12, 212), uniform(12, 212)}, uniform(0.7, 1.3));
          }
          paint(specs_[l], seen, values);
        }
        images.features[l].set(i, values);
      }
    }
    return images;
  }

  static std::size_t group(std::int64_t filter, std::size_t part) {
    return (part + static_cast<std::size_t>(filter)) % 2;
  }
  static std::size_t part_index(std::size_t layer, std::int64_t filter, std::size_t part) {
    return (layer * kFilters + static_cast<std::size_t>(filter)) * kParts + part;
  }
  static std::size_t truth_index(std::int64_t image,
                                 std::size_t layer,
                                 std::int64_t filter,
                                 std::size_t part) {
    return static_cast<std::size_t>(image) * 3 * kFilters * kParts +
           part_index(layer, filter, part);
  }

 private:
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  void paint(const graph::LayerSpec& s,
             const std::vector<std::pair<Point, double>>& seen,
             std::vector<float>& values) {
    std::normal_distribution<double> normal;
    for (std::int64_t h = 0; h < s.size; ++h) {
      for (std::int64_t w = 0; w < s.size; ++w) {
        double v = 0.05 * std::abs(normal(random_));
        for (const auto& [at, amplitude] : seen) {
          const double d =
              distance(at, {s.pixel(static_cast<double>(h)), s.pixel(static_cast<double>(w))});
          v += amplitude * std::exp(-d * d / (2 * 0.81 * s.stride * s.stride));
        }
        values.push_back(v > 0.05 ? static_cast<float>(v) : 0.0f);
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<graph::LayerSpec> specs_;
  std::vector<Point> place_;
};

inline Point pixel_of(const graph::LayerSpec& s,
                      const graph::Records& r,
                      std::int64_t n,
                      std::int64_t i) {
  return {s.pixel(static_cast<double>(r.h.at(n, i))), s.pixel(static_cast<double>(r.w.at(n, i)))};
}

/// How well the nodes of a layer sit on the planted parts.
struct PlantedScore {
  double top_hit{0};              ///< mean hit rate of the 16 best nodes
  double top_error{0};            ///< median distance of them, pixels
  std::vector<double> hit;        ///< of every node, on its best part
  std::vector<std::size_t> part;  ///< that part
  std::vector<std::int64_t> top;
  std::int64_t covered{0};  ///< planted parts with a node of hit rate >= 0.7
};

inline PlantedScore score_layer(const Planted& planted,
                                const Planted::Images& images,
                                std::size_t l,
                                const graph::Records& records,
                                const std::vector<std::int64_t>& top) {
  const graph::LayerSpec& s = planted.specs()[l];
  const double tolerance = s.size == 28 ? 16 : 24;
  PlantedScore score;
  score.top = top;
  std::vector<bool> covered(Planted::kFilters * Planted::kParts);
  std::vector<double> errors;
  for (std::int64_t n = 0; n < s.count(); ++n) {
    const std::int64_t c = n / s.nodes;
    double best = -1;
    std::size_t best_part = 0;
    std::vector<double> best_errors;
    for (std::size_t p = 0; p < Planted::kParts; ++p) {
      double hits = 0;
      double seen = 0;
      std::vector<double> distances;
      for (std::int64_t i = 0; i < records.images(); ++i) {
        const std::size_t at = Planted::truth_index(i, l, c, p);
        if (!images.present[at]) continue;
        const double d = distance(pixel_of(s, records, n, i), images.parts[at]);
        distances.push_back(d);
        hits += d <= tolerance ? 1 : 0;
        seen += 1;
      }
      if (hits / seen > best) {
        best = hits / seen;
        best_part = p;
        best_errors = distances;
      }
    }
    score.hit.push_back(best);
    score.part.push_back(best_part);
    if (best >= 0.7) covered[static_cast<std::size_t>(c) * Planted::kParts + best_part] = true;
    if (std::ranges::find(top, n) != top.end()) {
      score.top_hit += best / static_cast<double>(top.size());
      errors.insert(errors.end(), best_errors.begin(), best_errors.end());
    }
  }
  std::ranges::nth_element(errors, errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2));
  score.top_error = errors[errors.size() / 2];
  score.covered = std::ranges::count(covered, true);
  return score;
}

}  // namespace cutaway::tests
