// Included by cpu/elementwise.cpp and cuda/elementwise.cu, after their for_each.
#include <cmath>

#include "kernels/elementwise.h"
#include "kernels/map.inl"
#include "runtime/philox.h"

namespace cutaway::kernels {
namespace {

struct Constant {
  float value;
  CUTAWAY_HD float operator()(float, float) const { return value; }
};
struct Copy {
  CUTAWAY_HD float operator()(float x, float) const { return x; }
};
struct Times {
  float a;
  CUTAWAY_HD float operator()(float x, float) const { return a * x; }
};
struct Sum {
  float a, b;
  CUTAWAY_HD float operator()(float x0, float x1) const { return a * x0 + b * x1; }
};
struct Product {
  CUTAWAY_HD float operator()(float x0, float x1) const { return x0 * x1; }
};
struct Positive {
  // Not x > 0 ? x : 0, which would swallow NaN.
  CUTAWAY_HD float operator()(float x, float) const { return x <= 0.0f ? 0.0f : x; }
};
template <ReluRule kRule>
struct Rectified {
  CUTAWAY_HD float operator()(float y, float dy) const {
    if constexpr (kRule == ReluRule::kGradient) return y > 0.0f ? dy : 0.0f;
    if constexpr (kRule == ReluRule::kDeconvnet) return dy > 0.0f ? dy : 0.0f;
    return (y > 0.0f) & (dy > 0.0f) ? dy : 0.0f;
  }
};
struct BySign {
  float positive, negative;
  // Not max and min, which would swallow NaN.
  CUTAWAY_HD float operator()(float x, float) const { return x * (x > 0.0f ? positive : negative); }
};
struct ScaledProduct {
  float a;
  CUTAWAY_HD float operator()(float x0, float x1) const { return a * x0 * x1; }
};
struct Quotient {
  float epsilon, share;
  const float* mean_square;
  CUTAWAY_HD float operator()(float z, float r) const {
    const float e = share == 0.0f ? epsilon : epsilon + share * std::sqrt(*mean_square);
    const float d = z < 0.0f ? z - e : z + e;
    return r == 0.0f ? 0.0f : r / d;
  }
};

/// y += a * x0 * x1.
struct MultiplyAddAt {
  MultiplyAdd k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* p0 = k.x0.data + s.in(k.x0);
    const float* p1 = k.x1.data + s.in(k.x1);
    float* out = k.y.data + s.in(k.y);
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] += k.a * p0[l] * p1[l];
  }
};

struct RescueAt {
  ReluRescue k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* y = k.y.data + s.in(k.y);
    const float* dy = k.dy.data + s.in(k.dy);
    float* dx = k.dx.data + s.in(k.dx);
    const bool dead = k.most[s.n] == 0.0f;
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) dx[l] = (dead ? dy[l] : y[l]) > 0.0f ? dy[l] : 0.0f;
  }
};

struct Between {
  float low, high;
  // Comparisons that NaN fails leave it as it is.
  CUTAWAY_HD float operator()(float x, float) const {
    return x <= low ? low : x >= high ? high : x;
  }
};
template <ReluRule kRule>
struct Clipped {
  float low, high;
  CUTAWAY_HD float operator()(float y, float dy) const {
    if constexpr (kRule == ReluRule::kGradient) return (y > low) & (y < high) ? dy : 0.0f;
    return (y > low) & (y < high) & (dy > 0.0f) ? dy : 0.0f;
  }
};
struct Leaking {
  float slope;
  CUTAWAY_HD float operator()(float x, float) const { return x > 0.0f ? x : slope * x; }
};
template <ReluRule kRule>
struct Leaked {
  float slope;
  CUTAWAY_HD float operator()(float y, float dy) const {
    const float signal = kRule == ReluRule::kGuided && !(dy > 0.0f) ? 0.0f : dy;
    return y > 0.0f ? signal : slope * signal;
  }
};

/// Reorder towards blocks: V neighbouring lanes of y.
struct ReorderIntoBlocks {
  Reorder k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const std::int64_t c = s.channel(k.y.block);
    float* out = k.y.data + s.in(k.y);
    const std::int64_t last = c + V - 1;
    if (last < k.x.shape.c && k.x.block == 1) {
      const float* in = k.x.data + k.x.offset(s.n, c, s.h, s.w);
      for (int l = 0; l < V; ++l) out[l] = in[l * k.x.stride_b];
    } else if (last < k.x.shape.c && c / k.x.block == last / k.x.block) {
      const float* in = k.x.data + k.x.offset(s.n, c, s.h, s.w);
      CUTAWAY_LANES
      for (int l = 0; l < V; ++l) out[l] = in[l];
    } else {
      for (int l = 0; l < V; ++l)
        out[l] = c + l < k.x.shape.c ? k.x.at(s.n, c + l, s.h, s.w) : 0.0f;
    }
  }
};

/// Reorder towards planes: V neighbouring lanes of x, each to a plane of y.
struct ReorderIntoPlanes {
  Reorder k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const std::int64_t c = s.channel(k.x.block);
    const float* in = k.x.data + s.in(k.x);
    float* out = k.y.data + k.y.offset(s.n, c, s.h, s.w);
    const std::int64_t real = k.x.shape.c - c < V ? k.x.shape.c - c : V;
    for (int l = 0; l < real; ++l) out[l * k.y.stride_b] = in[l];
  }
};

struct DropoutAt {
  Dropout k;
  float scale;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* in = k.x.data + s.in(k.x);
    float* out = k.y.data + s.in(k.y);
    const Shape& shape = k.x.shape;
    const Philox random{k.seed, k.stream};
    const std::int64_t first =
        ((s.n * shape.c + s.channel(k.x.block)) * shape.h + s.h) * shape.w + s.w;
    for (int l = 0; l < V; ++l) {
      const auto element = static_cast<std::uint64_t>(first + l * shape.plane());
      out[l] = random.uniform(element) >= k.rate ? in[l] * scale : 0.0f;
    }
  }
};

}  // namespace

void run(CUTAWAY_STREAM& s, const Fill& k) { map(s, k.y, k.y, k.y, Constant{k.value}); }

void run(CUTAWAY_STREAM& s, const Reorder& k) {
  if (k.x.block == k.y.block) {
    map(s, k.x, k.x, k.y, Copy{});
  } else if (k.y.block == 1) {
    for_each_site(s, SiteSpace::of(k.x), ReorderIntoPlanes{k});
  } else {
    for_each_site(s, SiteSpace::of(k.y), ReorderIntoBlocks{k});
  }
}

void run(CUTAWAY_STREAM& s, const Scale& k) { map(s, k.x, k.x, k.y, Times{k.a}); }

void run(CUTAWAY_STREAM& s, const Add& k) { map(s, k.x0, k.x1, k.y, Sum{k.a, k.b}); }

void run(CUTAWAY_STREAM& s, const Multiply& k) { map(s, k.x0, k.x1, k.y, Product{}); }

void run(CUTAWAY_STREAM& s, const Relu& k) { map(s, k.x, k.x, k.y, Positive{}); }

void run(CUTAWAY_STREAM& s, const ReluBackward& k) {
  switch (k.rule) {
    case ReluRule::kGradient:
      map(s, k.y, k.dy, k.dx, Rectified<ReluRule::kGradient>{});
      break;
    case ReluRule::kDeconvnet:  // k.y may have no data
      map(s, k.dy, k.dy, k.dx, Rectified<ReluRule::kDeconvnet>{});
      break;
    case ReluRule::kGuided:
      map(s, k.y, k.dy, k.dx, Rectified<ReluRule::kGuided>{});
      break;
  }
}

void run(CUTAWAY_STREAM& s, const Clip& k) { map(s, k.x, k.x, k.y, Between{k.low, k.high}); }

void run(CUTAWAY_STREAM& s, const ClipBackward& k) {
  switch (k.rule) {
    case ReluRule::kGradient:
      map(s, k.y, k.dy, k.dx, Clipped<ReluRule::kGradient>{k.low, k.high});
      break;
    case ReluRule::kDeconvnet:  // k.y may have no data
      map(s, k.dy, k.dy, k.dx, Rectified<ReluRule::kDeconvnet>{});
      break;
    case ReluRule::kGuided:
      map(s, k.y, k.dy, k.dx, Clipped<ReluRule::kGuided>{k.low, k.high});
      break;
  }
}

void run(CUTAWAY_STREAM& s, const LeakyRelu& k) { map(s, k.x, k.x, k.y, Leaking{k.slope}); }

void run(CUTAWAY_STREAM& s, const LeakyReluBackward& k) {
  switch (k.rule) {
    case ReluRule::kGradient:
      map(s, k.y, k.dy, k.dx, Leaked<ReluRule::kGradient>{k.slope});
      break;
    case ReluRule::kDeconvnet:  // k.y may have no data
      map(s, k.dy, k.dy, k.dx, Leaking{k.slope});
      break;
    case ReluRule::kGuided:
      map(s, k.y, k.dy, k.dx, Leaked<ReluRule::kGuided>{k.slope});
      break;
  }
}

void run(CUTAWAY_STREAM& s, const ScaleBySign& k) {
  map(s, k.x, k.x, k.y, BySign{k.positive, k.negative});
}

void run(CUTAWAY_STREAM& s, const MultiplyAdd& k) {
  if (k.accumulate) {
    for_each_site(s, SiteSpace::of(k.y), MultiplyAddAt{k});
  } else {
    map(s, k.x0, k.x1, k.y, ScaledProduct{k.a});
  }
}

void run(CUTAWAY_STREAM& s, const RelevanceQuotient& k) {
  map(s, k.z, k.r, k.s, Quotient{k.epsilon, k.share, k.mean_square});
}

void run(CUTAWAY_STREAM& s, const ReluRescue& k) {
  for_each_site(s, SiteSpace::of(k.dx), RescueAt{k});
}

void run(CUTAWAY_STREAM& s, const Dropout& k) {
  for_each_site(s, SiteSpace::of(k.y), DropoutAt{k, 1.0f / (1.0f - k.rate)}, 16);
}

}  // namespace cutaway::kernels
