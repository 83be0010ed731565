// Included by cpu/resize.cpp and cuda/resize.cu, after their for_each.
#include <cmath>

#include "kernels/resize.h"

namespace cutaway::kernels {
namespace {

/// The input positions that an output position reads: x[first] (1 - weight) + x[second] weight.
struct Taps {
  std::int32_t first, second;
  float weight;
};

CUTAWAY_HD inline float source_at(const ResizeAxis& a, std::int64_t i) {
  return a.ratio * (static_cast<float>(i) + a.before) + a.behind;
}

CUTAWAY_HD inline float rounded(float at, Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kNearestPreferFloor:
      return std::ceil(at - 0.5f);
    case Interpolation::kNearestPreferCeiling:
      return std::floor(at + 0.5f);
    case Interpolation::kCeiling:
      return std::ceil(at);
    default:
      return std::floor(at);
  }
}

CUTAWAY_HD inline Taps taps_at(const ResizeAxis& a,
                               std::int64_t i,
                               std::int64_t extent,
                               Interpolation interpolation) {
  const auto last = static_cast<float>(extent - 1);
  const bool linear = interpolation == Interpolation::kLinear;
  const float exact = source_at(a, i);
  const float at = linear ? exact : rounded(exact, interpolation);
  // Not a number for no axis that resize() accepts; a comparison that fails would give place 0.
  const float inside = at > 0.0f ? (at < last ? at : last) : 0.0f;
  const auto first = static_cast<std::int32_t>(inside);
  if (!linear) return {first, first, 0.0f};
  const std::int32_t second = first + 1 < extent ? first + 1 : first;
  return {first, second, inside - static_cast<float>(first)};
}

struct ResizeAt {
  Resize k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const Taps r = taps_at(k.rows, s.h, k.x.shape.h, k.interpolation);
    const Taps c = taps_at(k.columns, s.w, k.x.shape.w, k.interpolation);
    float* out = k.y.data + s.in(k.y);
    const float* top_left = k.x.data + s.in(k.x, r.first, c.first);
    if (k.interpolation != Interpolation::kLinear) {
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) out[l] = top_left[l];
      return;
    }
    const float* top_right = k.x.data + s.in(k.x, r.first, c.second);
    const float* low_left = k.x.data + s.in(k.x, r.second, c.first);
    const float* low_right = k.x.data + s.in(k.x, r.second, c.second);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      const float top = top_left[l] * (1.0f - c.weight) + top_right[l] * c.weight;
      const float low = low_left[l] * (1.0f - c.weight) + low_right[l] * c.weight;
      out[l] = top * (1.0f - r.weight) + low * r.weight;
    }
  }
};

/// Outputs that may read input position p: a few more than do.
struct Readers {
  std::int64_t first, last;
};
CUTAWAY_HD inline Readers readers_of(const ResizeAxis& a,
                                     std::int64_t p,
                                     std::int64_t inputs,
                                     std::int64_t outputs) {
  if (!(a.ratio > 0.0f)) return {0, outputs};
  const auto at = static_cast<float>(p);
  const float low = std::floor((at - 1.0f - a.behind) / a.ratio - a.before) - 1.0f;
  const float high = std::ceil((at + 1.0f - a.behind) / a.ratio - a.before) + 2.0f;
  const auto all = static_cast<float>(outputs);
  // What lies beyond the edges reads the edge.
  return {p == 0 || !(low > 0.0f) ? 0
          : low < all             ? static_cast<std::int64_t>(low)
                                  : outputs,
          p == inputs - 1 || !(high < all) ? outputs
                                           : (high > 0.0f ? static_cast<std::int64_t>(high) : 0)};
}

CUTAWAY_HD inline float weight_at(std::int64_t p, const Taps& t) {
  return (t.first == p ? 1.0f - t.weight : 0.0f) + (t.second == p ? t.weight : 0.0f);
}

struct ResizeBackwardAt {
  ResizeBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const Shape& in = k.dx.shape;
    const Shape& out = k.dy.shape;
    const Readers rows = readers_of(k.rows, s.h, in.h, out.h);
    const Readers columns = readers_of(k.columns, s.w, in.w, out.w);
    Lanes<float, V> sum;
    clear<V>(sum);
    for (std::int64_t i = rows.first; i < rows.last; ++i) {
      const float row = weight_at(s.h, taps_at(k.rows, i, in.h, k.interpolation));
      if (row == 0.0f) continue;
      Lanes<float, V> row_sum;
      clear<V>(row_sum);
      for (std::int64_t j = columns.first; j < columns.last; ++j) {
        const float weight = weight_at(s.w, taps_at(k.columns, j, in.w, k.interpolation));
        if (weight == 0.0f) continue;
        const float* from = k.dy.data + s.in(k.dy, i, j);
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) row_sum[l] += weight * from[l];
      }
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) sum[l] += row * row_sum[l];
    }
    float* to = k.dx.data + s.in(k.dx);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) to[l] = sum[l];
  }
};

}  // namespace

void run(CUTAWAY_STREAM& s, const Resize& k) {
  for_each_site(s, SiteSpace::of(k.y), ResizeAt{k}, 8);
}

void run(CUTAWAY_STREAM& s, const ResizeBackward& k) {
  const std::int64_t cost = 8 * ceil_div(k.dy.shape.plane(), k.dx.shape.plane());
  for_each_site(s, SiteSpace::of(k.dx), ResizeBackwardAt{k}, cost);
}

}  // namespace cutaway::kernels
