// Included by cpu/norm.cpp and cuda/norm.cu, after their for_each.
#include <cmath>

#include "kernels/norm.h"

namespace cutaway::kernels {
namespace {

// --- local response normalisation
// -----------------------------------------------------------------

/// s^-beta. The exponent every published network uses needs no powf, which would cost more than all
/// the rest: s^-3/4 = 1 / (sqrt(s) * sqrt(sqrt(s))), off by 1 unit in the last place or two.
template <bool kThreeQuarters>
CUTAWAY_HD float decay(float s, float beta) {
  if constexpr (kThreeQuarters) {
    const float root = std::sqrt(s);
    return 1.0f / (root * std::sqrt(root));
  } else {
    return std::pow(s, -beta);
  }
}

/// Offset of channel (first lane of the site + d) at the site's pixel; the channel must be there.
template <int V>
CUTAWAY_HD std::int64_t offset_beside(const View<const float>& v, const Site& s, std::int64_t d) {
  const std::int64_t lane = s.lane + d;
  const std::int64_t pixel = s.n * v.stride_n + s.h * v.stride_h + s.w * v.stride_w;
  if constexpr (V == 1) {
    const std::int64_t c = s.cb * v.block + lane;
    return pixel + (c / v.block) * v.stride_b + c % v.block;
  } else {  // no further than the neighbouring block
    if (lane < 0) return pixel + (s.cb - 1) * v.stride_b + lane + v.block;
    if (lane >= v.block) return pixel + (s.cb + 1) * v.stride_b + lane - v.block;
    return pixel + s.cb * v.stride_b + lane;
  }
}

/// out[i] = v at channel (first lane - margin + i), 0 outside the channels that exist.
template <int V, int kMargin>
CUTAWAY_HD void load_with_margin(const View<const float>& v, const Site& s, float* out) {
  const std::int64_t c = s.channel(v.block);
  const float* in = v.data + s.in(v);
  CUTAWAY_LANES
  for (int l = 0; l < V; ++l) out[kMargin + l] = in[l];
  for (int d = 1; d <= kMargin; ++d) {
    const std::int64_t below = c - d;
    const std::int64_t above = c + V - 1 + d;
    out[kMargin - d] = below >= 0 ? v.data[offset_beside<V>(v, s, -d)] : 0.0f;
    out[kMargin + V - 1 + d] = above < v.shape.c ? v.data[offset_beside<V>(v, s, V - 1 + d)] : 0.0f;
  }
}

/// Writes lanes of real channels, and zero into padding: a NaN in a window would otherwise leak
/// there.
template <int V>
CUTAWAY_HD void store_real(const View<float>& y, const Site& s, const float* lanes) {
  float* out = y.data + s.in(y);
  const std::int64_t real = y.shape.c - s.channel(y.block);
  if (real >= V) {
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = lanes[l];
  } else {
    for (int l = 0; l < V; ++l) out[l] = l < real ? lanes[l] : 0.0f;
  }
}

/// The window of every published network: 5 channels, beta 3/4.
struct LrnFive {
  Lrn k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    Lanes<float, V> y;
    if (V >= 8 && s.w > 0 && s.w + 1 < k.x.shape.w) {
      from_memory<V>(s, y);
    } else {
      Lanes<float, V + 4> a;
      load_with_margin<V, 2>(k.x, s, a);
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) y[l] = normalised(a[l], a[l + 1], a[l + 2], a[l + 3], a[l + 4]);
    }
    store_real<V>(k.y, s, y);
  }

  /// The same numbers from loads that overlap, not from a copy with margins: vector loads from
  /// freshly stored pieces wait for the store buffer, which doubled the time. Loads run up to V
  /// lanes beyond the group, into the pixel before or after, and are then not used; hence never in
  /// the first or last column.
  template <int V>
  CUTAWAY_HD void from_memory(const Site& s, float* y) const {
    const std::int64_t c = s.channel(k.x.block);
    const float* own = k.x.data + s.in(k.x);
    const bool has_below = c > 0;
    const bool has_above = c + V < k.x.shape.c;
    const float* below = has_below ? k.x.data + offset_beside<V>(k.x, s, -V) : own;
    const float* above = has_above ? k.x.data + offset_beside<V>(k.x, s, V) : own;
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      const float b2 = has_below ? below[V + l - 2] : 0.0f;
      const float b1 = has_below ? below[V + l - 1] : 0.0f;
      const float a1 = has_above ? above[l + 1 - V] : 0.0f;
      const float a2 = has_above ? above[l + 2 - V] : 0.0f;
      const float m2 = own[l - 2];
      const float m1 = own[l - 1];
      const float p1 = own[l + 1];
      const float p2 = own[l + 2];
      y[l] = normalised(l < 2 ? b2 : m2, l < 1 ? b1 : m1, own[l], l < V - 1 ? p1 : a1,
                        l < V - 2 ? p2 : a2);
    }
  }

  CUTAWAY_HD float normalised(float m2, float m1, float x, float p1, float p2) const {
    const float sum = m2 * m2 + m1 * m1 + x * x + p1 * p1 + p2 * p2;
    return x * decay<true>(k.p.k + k.p.alpha / 5.0f * sum, 0.75f);
  }
};

struct LrnFiveBackward {
  LrnBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    Lanes<float, V + 8> a;
    Lanes<float, V + 4> g;
    Lanes<float, V + 4> r;  // s^-beta
    Lanes<float, V + 4> t;  // dy x s^(-beta - 1)
    Lanes<float, V> dx;
    load_with_margin<V, 4>(k.x, s, a);
    load_with_margin<V, 2>(k.dy, s, g);
    const float scale = k.p.alpha / 5.0f;
    CUTAWAY_LANES
    for (int j = 0; j < V + 4; ++j) {
      const float sum = a[j] * a[j] + a[j + 1] * a[j + 1] + a[j + 2] * a[j + 2] +
                        a[j + 3] * a[j + 3] + a[j + 4] * a[j + 4];
      const float base = k.p.k + scale * sum;
      r[j] = decay<true>(base, 0.75f);
      t[j] = g[j] * a[j + 2] * r[j] / base;
    }
    const float factor = 2.0f * 0.75f * scale;
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      const float sum = t[l] + t[l + 1] + t[l + 2] + t[l + 3] + t[l + 4];
      dx[l] = r[l + 2] * g[l + 2] - factor * a[l + 4] * sum;
    }
    store_real<V>(k.dx, s, dx);
  }
};

/// Any window and exponent, one channel at a time.
struct Window {
  std::int64_t first, last;
};
CUTAWAY_HD inline Window window_around(std::int64_t c, std::int32_t size, std::int64_t channels) {
  const std::int64_t half = (size - 1) / 2;
  const std::int64_t last = c + half + 1;
  return {c < half ? 0 : c - half, last < channels ? last : channels};
}

CUTAWAY_HD inline float lrn_base(const View<const float>& x,
                                 const LrnParameters& p,
                                 const Site& s,
                                 std::int64_t c) {
  const Window window = window_around(c, p.size, x.shape.c);
  float sum = 0.0f;
  for (std::int64_t j = window.first; j < window.last; ++j) {
    const float a = x.at(s.n, j, s.h, s.w);
    sum += a * a;
  }
  return p.k + p.alpha / static_cast<float>(p.size) * sum;
}

struct LrnAny {
  Lrn k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* in = k.x.data + s.in(k.x);
    float* out = k.y.data + s.in(k.y);
    for (int l = 0; l < V; ++l) {
      const std::int64_t c = s.channel(k.x.block) + l;
      out[l] = c < k.x.shape.c ? in[l] * decay<false>(lrn_base(k.x, k.p, s, c), k.p.beta) : 0.0f;
    }
  }
};

struct LrnAnyBackward {
  LrnBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    float* out = k.dx.data + s.in(k.dx);
    for (int l = 0; l < V; ++l) {
      const std::int64_t c = s.channel(k.x.block) + l;
      out[l] = c < k.x.shape.c ? gradient(s, c) : 0.0f;
    }
  }

  CUTAWAY_HD float gradient(const Site& s, std::int64_t c) const {
    const LrnParameters& p = k.p;
    const Window window = window_around(c, p.size, k.x.shape.c);
    float sum = 0.0f;
    for (std::int64_t j = window.first; j < window.last; ++j) {
      const float base = lrn_base(k.x, p, s, j);
      sum +=
          k.dy.at(s.n, j, s.h, s.w) * k.x.at(s.n, j, s.h, s.w) * decay<false>(base, p.beta) / base;
    }
    const float own = decay<false>(lrn_base(k.x, p, s, c), p.beta);
    const float factor = 2.0f * p.alpha * p.beta / static_cast<float>(p.size);
    return own * k.dy.at(s.n, c, s.h, s.w) - factor * k.x.at(s.n, c, s.h, s.w) * sum;
  }
};

bool usual(const LrnParameters& p) { return p.size == 5 && p.beta == 0.75f; }

// --- per-channel scale and shift
// ------------------------------------------------------------------

/// out[l] = values[channel + l] for channels that exist, 0 for padding: the array ends at C.
template <int V>
CUTAWAY_HD void load_vector(const float* values,
                            std::int64_t channel,
                            std::int64_t channels,
                            float* out) {
  if (channel + V <= channels) {
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = values[channel + l];
  } else {
    for (int l = 0; l < V; ++l) out[l] = channel + l < channels ? values[channel + l] : 0.0f;
  }
}

struct ChannelAffineAt {
  ChannelAffine k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const std::int64_t c = s.channel(k.x.block);
    const float* in = k.x.data + s.in(k.x);
    float* out = k.y.data + s.in(k.y);
    if (c + V > k.x.shape.c) {  // the vectors end at C; padding becomes zero
      for (int l = 0; l < V; ++l) {
        const bool real = c + l < k.x.shape.c;
        out[l] =
            real ? k.scale[c + l] * in[l] + (k.shift != nullptr ? k.shift[c + l] : 0.0f) : 0.0f;
      }
    } else if (k.shift != nullptr) {
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) out[l] = k.scale[c + l] * in[l] + k.shift[c + l];
    } else {
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) out[l] = k.scale[c + l] * in[l];
    }
  }
};

struct BatchNormFoldAt {
  BatchNormFold k;

  CUTAWAY_HD void operator()(std::int64_t c) const {
    const float scale = k.gamma[c] / std::sqrt(k.variance[c] + k.eps);
    k.scale[c] = scale;
    k.shift[c] = k.beta[c] - k.mean[c] * scale;
  }
};

struct BatchNormBackwardAt {
  BatchNormBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const std::int64_t c = s.channel(k.x.block);
    const std::int64_t channels = k.x.shape.c;
    const auto count = static_cast<float>(k.x.shape.n * k.x.shape.plane());
    Lanes<float, V> gamma;
    Lanes<float, V> mean;
    Lanes<float, V> variance;
    Lanes<float, V> sum_dy;
    Lanes<float, V> sum_dy_xc;
    Lanes<float, V> dx;
    load_vector<V>(k.gamma, c, channels, gamma);
    load_vector<V>(k.mean, c, channels, mean);
    load_vector<V>(k.variance, c, channels, variance);
    load_vector<V>(k.sum_dy, c, channels, sum_dy);
    load_vector<V>(k.sum_dy_xc, c, channels, sum_dy_xc);
    const float* x = k.x.data + s.in(k.x);
    const float* dy = k.dy.data + s.in(k.dy);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) {
      const float spread = variance[l] + k.eps;
      const float slope = sum_dy_xc[l] / (count * spread);
      dx[l] = gamma[l] / std::sqrt(spread) * (dy[l] - sum_dy[l] / count - (x[l] - mean[l]) * slope);
    }
    store_real<V>(k.dx, s, dx);
  }
};

// --- sums over a channel
// --------------------------------------------------------------------------

std::int64_t slots_of(const View<const float>& v) { return v.blocks() * v.lanes(); }

SiteSpace chunk_space(const View<const float>& v) {
  return {v.shape.n, v.blocks(), channel_chunks(v.shape).per_image, 1, v.lanes()};
}

/// partial[image, chunk, channel] = sum of `term` over a chunk; Term is x, (x - mean)^2 or dy (x -
/// center).
struct PlainTerm {
  CUTAWAY_HD double operator()(double x, double, double) const { return x; }
};
struct SquareTerm {
  CUTAWAY_HD double operator()(double x, double, double center) const {
    return (x - center) * (x - center);
  }
};
struct ProductTerm {
  CUTAWAY_HD double operator()(double dy, double x, double center) const {
    return dy * (x - center);
  }
};

template <class Term, class Center>
struct PartialSumAt {
  View<const float> a, b;
  const Center* center;  // by channel; may be null: 0
  double* partial;
  std::int64_t slots;
  ChannelChunks chunks;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const std::int64_t c = s.channel(a.block);
    Lanes<double, V> from;
    Lanes<double, V> sum;
    for (int l = 0; l < V; ++l) {
      from[l] = center != nullptr && c + l < a.shape.c ? static_cast<double>(center[c + l]) : 0.0;
    }
    clear<V>(sum);
    const std::int64_t first = s.h * chunks.rows;
    const std::int64_t last = first + chunks.rows < a.shape.h ? first + chunks.rows : a.shape.h;
    for (std::int64_t h = first; h < last; ++h) {
      const float* pa = a.data + s.in(a, h, 0);
      const float* pb = b.data + s.in(b, h, 0);
      for (std::int64_t w = 0; w < a.shape.w; ++w, pa += a.stride_w, pb += b.stride_w) {
        CUTAWAY_LANES
        for (int l = 0; l < V; ++l) {
          sum[l] += Term{}(static_cast<double>(pa[l]), static_cast<double>(pb[l]), from[l]);
        }
      }
    }
    double* out = partial + (s.n * chunks.per_image + s.h) * slots + s.cb * a.lanes() + s.lane;
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = sum[l];
  }
};

/// out[c] = (sum of the partials of channel c) / divisor, in float and, for a second pass, in
/// double.
struct FoldAt {
  const double* partial;
  std::int64_t slots, count;
  double divisor;
  float* out;
  double* exact;  // may be null

  CUTAWAY_HD void operator()(std::int64_t c) const {
    double sum = 0.0;
    for (std::int64_t i = 0; i < count; ++i) sum += partial[i * slots + c];
    sum /= divisor;
    out[c] = static_cast<float>(sum);
    if (exact != nullptr) exact[c] = sum;
  }
};

template <class Term, class Center>
void sum_channels(CUTAWAY_STREAM& stream,
                  const View<const float>& a,
                  const View<const float>& b,
                  const Center* center,
                  double* scratch,
                  const FoldAt& fold) {
  const PartialSumAt<Term, Center> op{a, b, center, scratch, fold.slots, channel_chunks(a.shape)};
  for_each_site(stream, chunk_space(a), op, op.chunks.rows * a.shape.w);
  for_each_index(stream, a.shape.c, fold, fold.count);
}

}  // namespace

void run(CUTAWAY_STREAM& s, const Lrn& k) {
  const SiteSpace space = SiteSpace::of(k.y);
  if (usual(k.p)) {
    for_each_site(s, space, LrnFive{k}, 8);
  } else {
    for_each_site(s, space, LrnAny{k}, 64);
  }
}

void run(CUTAWAY_STREAM& s, const LrnBackward& k) {
  const SiteSpace space = SiteSpace::of(k.dx);
  if (usual(k.p)) {
    for_each_site(s, space, LrnFiveBackward{k}, 16);
  } else {
    for_each_site(s, space, LrnAnyBackward{k}, 256);
  }
}

void run(CUTAWAY_STREAM& s, const ChannelAffine& k) {
  for_each_site(s, SiteSpace::of(k.y), ChannelAffineAt{k});
}

void run(CUTAWAY_STREAM& s, const ChannelMoments& k) {
  const std::int64_t slots = slots_of(k.x);
  const std::int64_t chunks = k.x.shape.n * channel_chunks(k.x.shape).per_image;
  const auto pixels = static_cast<double>(k.x.shape.n * k.x.shape.plane());
  double* const mean = k.scratch + chunks * slots;
  const double* const nothing = nullptr;
  sum_channels<PlainTerm>(s, k.x, k.x, nothing, k.scratch,
                          FoldAt{k.scratch, slots, chunks, pixels, k.mean, mean});
  sum_channels<SquareTerm>(s, k.x, k.x, static_cast<const double*>(mean), k.scratch,
                           FoldAt{k.scratch, slots, chunks, pixels, k.variance, nullptr});
}

void run(CUTAWAY_STREAM& s, const ChannelSums& k) {
  const std::int64_t slots = slots_of(k.dy);
  const std::int64_t chunks = k.dy.shape.n * channel_chunks(k.dy.shape).per_image;
  const float* const nothing = nullptr;
  sum_channels<PlainTerm>(s, k.dy, k.dy, nothing, k.scratch,
                          FoldAt{k.scratch, slots, chunks, 1.0, k.sum, nullptr});
  if (k.x.data == nullptr || k.sum_product == nullptr) return;
  sum_channels<ProductTerm>(s, k.dy, k.x, k.center, k.scratch,
                            FoldAt{k.scratch, slots, chunks, 1.0, k.sum_product, nullptr});
}

void run(CUTAWAY_STREAM& s, const BatchNormBackward& k) {
  for_each_site(s, SiteSpace::of(k.dx), BatchNormBackwardAt{k}, 4);
}

void run(CUTAWAY_STREAM& s, const BatchNormFold& k) {
  for_each_index(s, k.channels, BatchNormFoldAt{k});
}

}  // namespace cutaway::kernels
