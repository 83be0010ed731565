// Included by cpu/image.cpp and cuda/image.cu, after their for_each.
#include <cmath>

#include "kernels/channels.inl"
#include "kernels/image.h"

namespace cutaway::kernels {
namespace {

// --- bilinear resize
// ------------------------------------------------------------------------------

/// The two input positions an output position blends: x[first] (1 - weight) + x[second] weight.
struct Blend {
  std::int64_t first, second;
  float weight;
};

CUTAWAY_HD inline double source_of(std::int64_t i, std::int64_t from, std::int64_t to) {
  return (static_cast<double>(i) + 0.5) * (static_cast<double>(from) / static_cast<double>(to)) -
         0.5;
}

CUTAWAY_HD inline Blend blend_at(std::int64_t i, std::int64_t from, std::int64_t to) {
  const double at = source_of(i, from, to);
  if (!(at > 0.0)) return {0, 0, 0.0f};
  const auto first = static_cast<std::int64_t>(at);
  if (first >= from - 1) return {from - 1, from - 1, 0.0f};
  return {first, first + 1, static_cast<float>(at - static_cast<double>(first))};
}

struct ResizeAt {
  ResizeBilinear k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const Blend r = blend_at(s.h, k.x.shape.h, k.y.shape.h);
    const Blend c = blend_at(s.w, k.x.shape.w, k.y.shape.w);
    const float* top_left = k.x.data + s.in(k.x, r.first, c.first);
    const float* top_right = k.x.data + s.in(k.x, r.first, c.second);
    const float* low_left = k.x.data + s.in(k.x, r.second, c.first);
    const float* low_right = k.x.data + s.in(k.x, r.second, c.second);
    float* out = k.y.data + s.in(k.y);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      const float top = top_left[l] * (1.0f - c.weight) + top_right[l] * c.weight;
      const float low = low_left[l] * (1.0f - c.weight) + low_right[l] * c.weight;
      out[l] = top * (1.0f - r.weight) + low * r.weight;
    }
  }
};

/// Output positions that may blend input position p in: a few more than do, at most.
struct Reach {
  std::int64_t first, last;
};
CUTAWAY_HD inline Reach reach_of(std::int64_t p, std::int64_t from, std::int64_t to) {
  // source_of is the same map with the extents exchanged: the outputs around input p - 1 and p + 1.
  const auto low = static_cast<std::int64_t>(std::floor(source_of(p - 1, to, from))) - 1;
  const auto high = static_cast<std::int64_t>(std::ceil(source_of(p + 1, to, from))) + 2;
  return {p == 0 || low < 0 ? 0 : low, p == from - 1 || high > to ? to : high};
}

CUTAWAY_HD inline float weight_of(std::int64_t p, const Blend& b) {
  return (b.first == p ? 1.0f - b.weight : 0.0f) + (b.second == p ? b.weight : 0.0f);
}

struct ResizeBackwardAt {
  ResizeBilinearBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const Reach rows = reach_of(s.h, k.dx.shape.h, k.dy.shape.h);
    const Reach columns = reach_of(s.w, k.dx.shape.w, k.dy.shape.w);
    Lanes<float, V> sum;
    clear<V>(sum);
    for (std::int64_t i = rows.first; i < rows.last; ++i) {
      const float row = weight_of(s.h, blend_at(i, k.dx.shape.h, k.dy.shape.h));
      if (row == 0.0f) continue;
      Lanes<float, V> row_sum;
      clear<V>(row_sum);
      for (std::int64_t j = columns.first; j < columns.last; ++j) {
        const float weight = weight_of(s.w, blend_at(j, k.dx.shape.w, k.dy.shape.w));
        if (weight == 0.0f) continue;
        const float* in = k.dy.data + s.in(k.dy, i, j);
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) row_sum[l] += weight * in[l];
      }
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) sum[l] += row * row_sum[l];
    }
    float* out = k.dx.data + s.in(k.dx);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = sum[l];
  }
};

// --- padding
// --------------------------------------------------------------------------------------

/// Input position shown at position i - lead of the padded axis; -1 when it shows nothing.
CUTAWAY_HD inline std::int64_t shown_at(std::int64_t i,
                                        std::int64_t lead,
                                        std::int64_t extent,
                                        PadMode mode) {
  const std::int64_t at = i - lead;
  if (at >= 0 && at < extent) return at;
  if (mode == PadMode::kZero) return -1;
  if (mode == PadMode::kEdge) return at < 0 ? 0 : extent - 1;
  return at < 0 ? -at : 2 * (extent - 1) - at;
}

struct PadAt {
  Pad k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const std::int64_t row = shown_at(s.h, k.top, k.x.shape.h, k.mode);
    const std::int64_t column = shown_at(s.w, k.left, k.x.shape.w, k.mode);
    float* out = k.y.data + s.in(k.y);
    if (row < 0 || column < 0) {
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) out[l] = 0.0f;
      return;
    }
    const float* in = k.x.data + s.in(k.x, row, column);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = in[l];
  }
};

/// Positions of the padded axis that show input position p, ascending: a mirror image, a run with
/// itself in it, another mirror image.
struct Showings {
  std::int64_t first, last, before, behind;  // mirror images: -1 for none

  [[nodiscard]] CUTAWAY_HD std::int64_t count() const {
    return (before >= 0 ? 1 : 0) + last - first + 1 + (behind >= 0 ? 1 : 0);
  }
  [[nodiscard]] CUTAWAY_HD std::int64_t at(std::int64_t i) const {
    if (before >= 0 && i-- == 0) return before;
    return first + i <= last ? first + i : behind;
  }
};
CUTAWAY_HD inline Showings showings_of(
    std::int64_t p, std::int64_t lead, std::int64_t extent, std::int64_t padded, PadMode mode) {
  Showings s{lead + p, lead + p, -1, -1};
  if (mode == PadMode::kEdge) {
    if (p == 0) s.first = 0;
    if (p == extent - 1) s.last = padded - 1;
  }
  if (mode == PadMode::kReflect) {
    if (p > 0) s.before = lead - p;
    const std::int64_t behind = lead + 2 * (extent - 1) - p;
    if (p < extent - 1 && behind < padded) s.behind = behind;
  }
  return s;
}

struct PadBackwardAt {
  PadBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const Showings rows = showings_of(s.h, k.top, k.dx.shape.h, k.dy.shape.h, k.mode);
    const Showings columns = showings_of(s.w, k.left, k.dx.shape.w, k.dy.shape.w, k.mode);
    Lanes<float, V> sum;
    clear<V>(sum);
    for (std::int64_t i = 0; i < rows.count(); ++i) {
      for (std::int64_t j = 0; j < columns.count(); ++j) {
        const float* in = k.dy.data + s.in(k.dy, rows.at(i), columns.at(j));
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) sum[l] += in[l];
      }
    }
    float* out = k.dx.data + s.in(k.dx);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = sum[l];
  }
};

// --- reductions over channels
// ---------------------------------------------------------------------

CUTAWAY_HD inline void store_single(const View<float>& y, const Pixel& p, float value) {
  const Channels<float> out(y, p);
  out.data[0] = value;
  out.clear_padding(y);
}

struct ReduceChannelsAt {
  ReduceChannels k;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const Pixel p = pixel_of(i, k.x.shape);
    store_single(k.y, p, reduced(Channels<const float>(k.x, p)));
  }

  CUTAWAY_HD float reduced(const Channels<const float>& x) const {
    if (k.reduction == ChannelReduction::kMaxAbs) {
      float most = 0.0f;
      each_channel(x.count,
                   [&](std::int64_t c0, int l) { most = larger(most, std::fabs(x(c0, l))); });
      return most;
    }
    if (k.reduction == ChannelReduction::kSumAbs) {
      return static_cast<float>(
          channel_sum(x.count, [&](std::int64_t c0, int l) { return std::fabs(x(c0, l)); }));
    }
    const auto sum =
        static_cast<float>(channel_sum(x.count, [&](std::int64_t c0, int l) { return x(c0, l); }));
    return k.reduction == ChannelReduction::kPositiveSum && sum <= 0.0f ? 0.0f : sum;
  }
};

struct WeightedChannelSumAt {
  WeightedChannelSum k;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const Pixel p = pixel_of(i, k.x.shape);
    const Channels<const float> x(k.x, p);
    const float* weight = k.weight + p.n * k.weight_stride;
    const auto sum = static_cast<float>(channel_sum(x.count, [&](std::int64_t c0, int l) {
      return static_cast<double>(weight[c0 + l]) * static_cast<double>(x(c0, l));
    }));
    store_single(k.y, p, k.relu && sum <= 0.0f ? 0.0f : sum);
  }
};

}  // namespace

void run(CUTAWAY_STREAM& s, const ResizeBilinear& k) {
  for_each_site(s, SiteSpace::of(k.y), ResizeAt{k}, 4);
}

void run(CUTAWAY_STREAM& s, const ResizeBilinearBackward& k) {
  for_each_site(s, SiteSpace::of(k.dx), ResizeBackwardAt{k}, 16);
}

void run(CUTAWAY_STREAM& s, const Pad& k) { for_each_site(s, SiteSpace::of(k.y), PadAt{k}); }

void run(CUTAWAY_STREAM& s, const PadBackward& k) {
  for_each_site(s, SiteSpace::of(k.dx), PadBackwardAt{k});
}

void run(CUTAWAY_STREAM& s, const ReduceChannels& k) {
  for_each_index(s, k.x.shape.n * k.x.shape.plane(), ReduceChannelsAt{k}, k.x.shape.c);
}

void run(CUTAWAY_STREAM& s, const WeightedChannelSum& k) {
  for_each_index(s, k.x.shape.n * k.x.shape.plane(), WeightedChannelSumAt{k}, k.x.shape.c);
}

}  // namespace cutaway::kernels
