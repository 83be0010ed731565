#include "explain/graph/evaluation/following.h"

#include <cmath>
#include <limits>

#include "explain/graph/evaluation/beside_filters.h"
#include "explain/statistics/jackknife.h"

namespace cutaway::explain {
namespace {

using namespace graph;

/// Means and covariances of two moving points, over the pictures that stay.
double correlation(const std::vector<PixelPoint>& a,
                   const Landmark& b,
                   const std::vector<int>& counts) {
  double n = 0, ah = 0, aw = 0, bh = 0, bw = 0, aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (!b[i].seen) continue;
    const double c = counts[i];
    n += c;
    ah += c * a[i].h;
    aw += c * a[i].w;
    bh += c * b[i].h;
    bw += c * b[i].w;
    aa += c * (a[i].h * a[i].h + a[i].w * a[i].w);
    bb += c * (b[i].h * b[i].h + b[i].w * b[i].w);
    ab += c * (a[i].h * b[i].h + a[i].w * b[i].w);
  }
  if (n < 2) return 0;
  const double own = aa - (ah * ah + aw * aw) / n;
  const double part = bb - (bh * bh + bw * bw) / n;
  const double both = ab - (ah * bh + aw * bw) / n;
  // What does not move follows nothing; rounding leaves a little of squares of pixels.
  return own > 1e-6 * aa && part > 1e-6 * bb ? both / std::sqrt(own * part) : 0;
}

PixelPoint mean_of_seen(const std::vector<PixelPoint>& points, const Landmark& seen) {
  PixelPoint mean;
  double n = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!seen[i].seen) continue;
    n += 1;
    mean.h += points[i].h;
    mean.w += points[i].w;
  }
  mean.h /= n;
  mean.w /= n;
  return mean;
}

/// A node's places and the part it is nearest to.
struct Follower {
  std::vector<PixelPoint> places;
  std::size_t part{0};
};

std::vector<Follower> followers(const LayerSpec& spec,
                                const Records& records,
                                const std::vector<std::int32_t>& nodes,
                                const std::vector<Landmark>& landmarks) {
  std::vector<Follower> all;
  for (const std::int32_t n : nodes) {
    Follower f;
    for (std::int64_t i = 0; i < records.images(); ++i) {
      f.places.push_back({spec.pixel(static_cast<double>(records.h.at(n, i))),
                          spec.pixel(static_cast<double>(records.w.at(n, i)))});
    }
    double nearest = std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < landmarks.size(); ++k) {
      const PixelPoint own = mean_of_seen(f.places, landmarks[k]);
      const PixelPoint part = mean_of_seen(landmarks[k], landmarks[k]);
      const double far = std::hypot(own.h - part.h, own.w - part.w);
      if (far < nearest) {
        nearest = far;
        f.part = k;
      }
    }
    all.push_back(std::move(f));
  }
  return all;
}

}  // namespace

std::vector<FilterRow> measure_following(const Scene& scene,
                                         const std::vector<std::string>& parts,
                                         const GraphEvaluationOptions& o) {
  std::vector<Landmark> landmarks;
  for (const std::string& name : parts) landmarks.push_back(scene.landmark(name));
  const LeftOut left_out(scene.images(), o.samples, o.seed);
  return measure_beside_filters(
      scene, o,
      [&](const LayerSpec& spec, const Records& records, const std::vector<std::int32_t>& nodes) {
        const std::vector<Follower> all = followers(spec, records, nodes, landmarks);
        return jackknife_of(left_out, Range::kAny, [&](const std::vector<int>& kept) {
          double sum = 0;
          for (const Follower& f : all) sum += correlation(f.places, landmarks[f.part], kept);
          return sum / static_cast<double>(all.size());
        });
      });
}

}  // namespace cutaway::explain
