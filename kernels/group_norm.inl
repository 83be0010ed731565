// Included by cpu/group_norm.cpp and cuda/group_norm.cu, after their for_each.
#include <cmath>

#include "kernels/channels.inl"
#include "kernels/group_norm.h"

namespace cutaway::kernels {
namespace {

// --- sums over the places of a channel

/// Two sums over the plane of every channel of every image: pairs[2 (n C + c)] and the one behind
/// it. Terms gives both terms of one place.
template <class Terms>
struct ChannelPairsAt {
  View<const float> a, b;  // of equal geometry
  Terms terms;
  double* pairs;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const std::int64_t c = s.channel(a.block);
    Lanes<double, V> first;
    Lanes<double, V> second;
    clear<V>(first);
    clear<V>(second);
    for (std::int64_t h = 0; h < a.shape.h; ++h) {
      const float* pa = a.data + s.in(a, h, 0);
      const float* pb = b.data + s.in(b, h, 0);
      for (std::int64_t w = 0; w < a.shape.w; ++w, pa += a.stride_w, pb += b.stride_w) {
        for (int l = 0; l < V; ++l) {
          if (c + l >= a.shape.c) continue;
          const double x = static_cast<double>(pa[l]);
          first[l] += terms.first(x, static_cast<double>(pb[l]), s.n, c + l);
          second[l] += terms.second(x, static_cast<double>(pb[l]), s.n, c + l);
        }
      }
    }
    for (int l = 0; l < V; ++l) {
      if (c + l >= a.shape.c) continue;
      double* out = pairs + 2 * (s.n * a.shape.c + c + l);
      out[0] = first[l];
      out[1] = second[l];
    }
  }
};

/// x - pivot and its square: around the channel's first value, so that a large mean does not drown
/// the variance.
struct MomentTerms {
  View<const float> x;
  CUTAWAY_HD double centred(double value, std::int64_t n, std::int64_t c) const {
    return value - static_cast<double>(x.at(n, c, 0, 0));
  }
  CUTAWAY_HD double first(double value, double, std::int64_t n, std::int64_t c) const {
    return centred(value, n, c);
  }
  CUTAWAY_HD double second(double value, double, std::int64_t n, std::int64_t c) const {
    const double d = centred(value, n, c);
    return d * d;
  }
};

/// The moments of one group out of the sums of its channels (Chan, Golub & LeVeque 1983: means and
/// squares add up with the squared distances of the means).
struct GroupMomentsAt {
  GroupMoments k;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const std::int64_t n = i / k.groups;
    const std::int64_t size = k.x.shape.c / k.groups;
    const std::int64_t first = i % k.groups * size;
    const auto places = static_cast<double>(k.x.shape.plane());
    const double* pairs = k.scratch + 2 * (n * k.x.shape.c + first);
    double mean = 0.0;
    for (std::int64_t c = 0; c < size; ++c) mean += mean_of(pairs, n, first, c, places);
    mean /= static_cast<double>(size);
    double squares = 0.0;
    for (std::int64_t c = 0; c < size; ++c) {
      const double d = mean_of(pairs, n, first, c, places) - mean;
      const double own = pairs[2 * c + 1] - pairs[2 * c] * pairs[2 * c] / places;
      squares += (own < 0.0 ? 0.0 : own) + places * d * d;
    }
    const double variance = squares / (places * static_cast<double>(size));
    k.mean[i] = static_cast<float>(mean);
    k.scale[i] = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(k.eps)));
  }

  CUTAWAY_HD double mean_of(const double* pairs,
                            std::int64_t n,
                            std::int64_t first,
                            std::int64_t c,
                            double places) const {
    return static_cast<double>(k.x.at(n, first + c, 0, 0)) + pairs[2 * c] / places;
  }
};

CUTAWAY_HD inline float or_one(const float* gamma, std::int64_t c) {
  return gamma != nullptr ? gamma[c] : 1.0f;
}

struct GroupNormAt {
  GroupNorm k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* x = k.x.data + s.in(k.x);
    float* y = k.y.data + s.in(k.y);
    const std::int64_t c = s.channel(k.y.block);
    const std::int64_t channels = k.y.shape.c;
    const std::int64_t size = channels / k.groups;
    for (int l = 0; l < V; ++l) {
      if (c + l >= channels) {
        y[l] = 0.0f;
        continue;
      }
      const std::int64_t g = s.n * k.groups + (c + l) / size;
      const float shift = k.beta != nullptr ? k.beta[c + l] : 0.0f;
      y[l] = (x[l] - k.mean[g]) * (k.scale[g] * or_one(k.gamma, c + l)) + shift;
    }
  }
};

/// dy, and dy xhat.
struct GradientTerms {
  const float *mean, *scale;
  std::int64_t groups, size;
  CUTAWAY_HD double first(double dy, double, std::int64_t, std::int64_t) const { return dy; }
  CUTAWAY_HD double second(double dy, double x, std::int64_t n, std::int64_t c) const {
    const std::int64_t g = n * groups + c / size;
    return dy * (x - static_cast<double>(mean[g])) * static_cast<double>(scale[g]);
  }
};

/// means[2 i] = mean over group i of u = gamma dy, means[2 i + 1] = of u xhat.
struct GroupMeansAt {
  const double* pairs;
  const float* gamma;
  std::int64_t groups, channels, places;
  double* means;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const std::int64_t size = channels / groups;
    const std::int64_t first = i % groups * size;
    const double* own = pairs + 2 * (i / groups * channels + first);
    double u = 0.0;
    double u_xhat = 0.0;
    for (std::int64_t c = 0; c < size; ++c) {
      const auto g = static_cast<double>(or_one(gamma, first + c));
      u += g * own[2 * c];
      u_xhat += g * own[2 * c + 1];
    }
    const auto count = static_cast<double>(size * places);
    means[2 * i] = u / count;
    means[2 * i + 1] = u_xhat / count;
  }
};

struct GroupNormBackwardAt {
  GroupNormBackward k;
  const double* means;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* x = k.x.data + s.in(k.x);
    const float* dy = k.dy.data + s.in(k.dy);
    float* dx = k.dx.data + s.in(k.dx);
    const std::int64_t c = s.channel(k.dx.block);
    const std::int64_t channels = k.dx.shape.c;
    const std::int64_t size = channels / k.groups;
    for (int l = 0; l < V; ++l) {
      if (c + l >= channels) {
        dx[l] = 0.0f;
        continue;
      }
      const std::int64_t g = s.n * k.groups + (c + l) / size;
      const auto mean_u = static_cast<float>(means[2 * g]);
      const auto mean_u_xhat = static_cast<float>(means[2 * g + 1]);
      const float xhat = (x[l] - k.mean[g]) * k.scale[g];
      dx[l] = k.scale[g] * (or_one(k.gamma, c + l) * dy[l] - mean_u - xhat * mean_u_xhat);
    }
  }
};

/// dgamma and dbeta of one channel: its sums over the images.
struct ParameterGradientAt {
  const double* pairs;
  std::int64_t images, channels;
  float *dgamma, *dbeta;

  CUTAWAY_HD void operator()(std::int64_t c) const {
    double shift = 0.0;
    double scale = 0.0;
    for (std::int64_t n = 0; n < images; ++n) {
      shift += pairs[2 * (n * channels + c)];
      scale += pairs[2 * (n * channels + c) + 1];
    }
    if (dgamma != nullptr) dgamma[c] = static_cast<float>(scale);
    if (dbeta != nullptr) dbeta[c] = static_cast<float>(shift);
  }
};

// --- over the channels of one place

struct PlaceMoments {
  double mean, scale;

  CUTAWAY_HD PlaceMoments(const Channels<const float>& x, float eps) {
    const auto count = static_cast<double>(x.count);
    const auto value = [&](std::int64_t c0, int l) { return static_cast<double>(x(c0, l)); };
    const double m = channel_sum(x.count, value) / count;
    const double squares = channel_sum(
        x.count, [&](std::int64_t c0, int l) { return (value(c0, l) - m) * (value(c0, l) - m); });
    mean = m;
    scale = 1.0 / std::sqrt(squares / count + static_cast<double>(eps));
  }
};

struct LayerNormAt {
  LayerNorm k;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const Pixel p = pixel_of(i, k.x.shape);
    const Channels<const float> x(k.x, p);
    const Channels<float> y(k.y, p);
    const PlaceMoments m(x, k.eps);
    const auto mean = static_cast<float>(m.mean);
    const auto scale = static_cast<float>(m.scale);
    each_channel(x.count, [&](std::int64_t c0, int l) {
      const float shift = k.beta != nullptr ? k.beta[c0 + l] : 0.0f;
      y(c0, l) = (x(c0, l) - mean) * (scale * or_one(k.gamma, c0 + l)) + shift;
    });
    y.clear_padding(k.y);
  }
};

struct LayerNormBackwardAt {
  LayerNormBackward k;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const Pixel p = pixel_of(i, k.x.shape);
    const Channels<const float> x(k.x, p);
    const Channels<const float> dy(k.dy, p);
    const PlaceMoments m(x, k.eps);
    const auto mean = static_cast<float>(m.mean);
    const auto scale = static_cast<float>(m.scale);
    const auto xhat = [&](std::int64_t c0, int l) { return (x(c0, l) - mean) * scale; };
    if (k.dx.data != nullptr) {
      const auto u = [&](std::int64_t c0, int l) { return or_one(k.gamma, c0 + l) * dy(c0, l); };
      const auto count = static_cast<double>(x.count);
      const auto mean_u = static_cast<float>(channel_sum(x.count, u) / count);
      const auto mean_u_xhat = static_cast<float>(
          channel_sum(x.count,
                      [&](std::int64_t c0, int l) {
                        return static_cast<double>(u(c0, l)) * static_cast<double>(xhat(c0, l));
                      }) /
          count);
      const Channels<float> dx(k.dx, p);
      each_channel(x.count, [&](std::int64_t c0, int l) {
        // xhat first: dx may alias x.
        const float normal = xhat(c0, l);
        if (k.xhat.data != nullptr) Channels<float>(k.xhat, p)(c0, l) = normal;
        dx(c0, l) = scale * (u(c0, l) - mean_u - normal * mean_u_xhat);
      });
      dx.clear_padding(k.dx);
    } else {
      const Channels<float> out(k.xhat, p);
      each_channel(x.count, [&](std::int64_t c0, int l) { out(c0, l) = xhat(c0, l); });
    }
    if (k.xhat.data != nullptr) Channels<float>(k.xhat, p).clear_padding(k.xhat);
  }
};

/// A site for every lane group of a channel's plane.
SiteSpace channel_space(const View<const float>& v) {
  return {v.shape.n, v.blocks(), 1, 1, v.lanes()};
}

}  // namespace

void run(CUTAWAY_STREAM& s, const GroupMoments& k) {
  const ChannelPairsAt<MomentTerms> sums{k.x, k.x, MomentTerms{k.x}, k.scratch};
  for_each_site(s, channel_space(k.x), sums, 2 * k.x.shape.plane());
  for_each_index(s, k.x.shape.n * k.groups, GroupMomentsAt{k}, 8 * k.x.shape.c / k.groups);
}

void run(CUTAWAY_STREAM& s, const GroupNorm& k) {
  for_each_site(s, SiteSpace::of(k.y), GroupNormAt{k}, 4);
}

void run(CUTAWAY_STREAM& s, const GroupNormBackward& k) {
  const Shape& shape = k.dy.shape;
  const GradientTerms terms{k.mean, k.scale, k.groups, shape.c / k.groups};
  for_each_site(s, channel_space(k.dy), ChannelPairsAt<GradientTerms>{k.dy, k.x, terms, k.scratch},
                4 * shape.plane());
  if (k.dgamma != nullptr || k.dbeta != nullptr) {
    for_each_index(s, shape.c, ParameterGradientAt{k.scratch, shape.n, shape.c, k.dgamma, k.dbeta},
                   shape.n);
  }
  if (k.dx.data == nullptr) return;
  double* means = k.scratch + 2 * shape.n * shape.c;
  for_each_index(s, shape.n * k.groups,
                 GroupMeansAt{k.scratch, k.gamma, k.groups, shape.c, shape.plane(), means},
                 4 * shape.c / k.groups);
  for_each_site(s, SiteSpace::of(k.dx), GroupNormBackwardAt{k, means}, 8);
}

void run(CUTAWAY_STREAM& s, const LayerNorm& k) {
  for_each_index(s, k.x.shape.n * k.x.shape.plane(), LayerNormAt{k}, k.x.shape.c * 6);
}

void run(CUTAWAY_STREAM& s, const LayerNormBackward& k) {
  for_each_index(s, k.x.shape.n * k.x.shape.plane(), LayerNormBackwardAt{k}, k.x.shape.c * 12);
}

}  // namespace cutaway::kernels
