// Included by cpu/activation.cpp and cuda/activation.cu, after their for_each.
#include "kernels/activation.h"
#include "kernels/elementary.inl"
#include "kernels/map.inl"

namespace cutaway::kernels {
namespace {

// Each function: its value and its derivative. Comparisons are such that NaN comes out as NaN.

struct Sigmoid {
  ActivationFunction f;
  CUTAWAY_HD float value(float x) const { return sigmoid_of(x); }
  CUTAWAY_HD float slope(float x) const {
    const float s = sigmoid_of(x);
    return s * (1.0f - s);
  }
};
struct HardSigmoid {
  ActivationFunction f;
  CUTAWAY_HD float value(float x) const {
    const float z = f.alpha * x + f.beta;
    return z <= 0.0f ? 0.0f : z >= 1.0f ? 1.0f : z;
  }
  CUTAWAY_HD float slope(float x) const {
    const float z = f.alpha * x + f.beta;
    return (z <= 0.0f) | (z >= 1.0f) ? 0.0f : f.alpha;
  }
};
struct Tanh {
  ActivationFunction f;
  CUTAWAY_HD float value(float x) const { return tanh_of(x); }
  CUTAWAY_HD float slope(float x) const {
    const float t = tanh_of(x);
    return 1.0f - t * t;
  }
};
struct Softsign {
  ActivationFunction f;
  CUTAWAY_HD float value(float x) const { return x / (1.0f + (x < 0.0f ? -x : x)); }
  CUTAWAY_HD float slope(float x) const {
    const float d = 1.0f + (x < 0.0f ? -x : x);
    return 1.0f / (d * d);
  }
};
struct Silu {
  ActivationFunction f;
  CUTAWAY_HD float value(float x) const { return x * sigmoid_of(f.alpha * x); }
  CUTAWAY_HD float slope(float x) const {
    const float s = sigmoid_of(f.alpha * x);
    return s + f.alpha * x * (s * (1.0f - s));
  }
};
struct HardSwish {
  ActivationFunction f;
  CUTAWAY_HD float value(float x) const {
    // By a multiplication with 1/6 as PyTorch, whose last bit differs from a division's.
    return x <= -3.0f ? 0.0f : x >= 3.0f ? x : x * ((x + 3.0f) * (1.0f / 6.0f));
  }
  CUTAWAY_HD float slope(float x) const {
    return x <= -3.0f ? 0.0f : x >= 3.0f ? 1.0f : x * (1.0f / 3.0f) + 0.5f;
  }
};
struct Elu {
  ActivationFunction f;
  CUTAWAY_HD float value(float x) const { return f.beta * (x > 0.0f ? x : f.alpha * expm1_of(x)); }
  CUTAWAY_HD float slope(float x) const { return f.beta * (x > 0.0f ? 1.0f : f.alpha * exp_of(x)); }
};
struct Gelu {
  ActivationFunction f;
  static constexpr float kRootHalf = 0.707106781186547524f;
  CUTAWAY_HD float value(float x) const { return 0.5f * x * (1.0f + erf_of(x * kRootHalf)); }
  CUTAWAY_HD float slope(float x) const {
    constexpr float kPeak = 0.398942280401432678f;  // of the normal density
    return 0.5f * (1.0f + erf_of(x * kRootHalf)) + x * kPeak * exp_of(-0.5f * x * x);
  }
};
struct GeluTanh {
  ActivationFunction f;
  static constexpr float kScale = 0.797884560802865356f;  // sqrt(2 / pi)
  static constexpr float kCube = 0.044715f;
  CUTAWAY_HD float value(float x) const {
    return 0.5f * x * (1.0f + tanh_of(kScale * (x + kCube * x * x * x)));
  }
  CUTAWAY_HD float slope(float x) const {
    const float t = tanh_of(kScale * (x + kCube * x * x * x));
    return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * kScale * (1.0f + 3.0f * kCube * x * x);
  }
};
struct Mish {
  ActivationFunction f;
  /// tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2).
  CUTAWAY_HD static float gate(float e) {
    const float n = e * (e + 2.0f);
    return n / (n + 2.0f);
  }
  CUTAWAY_HD float value(float x) const {
    return x >= 20.0f ? x : x * gate(exp_of(x >= 20.0f ? 20.0f : x));
  }
  CUTAWAY_HD float slope(float x) const {
    const float e = exp_of(x >= 20.0f ? 20.0f : x);
    const float t = gate(e);
    return x >= 20.0f ? 1.0f : t + x * (1.0f - t * t) * (e / (1.0f + e));
  }
};
struct Softplus {
  ActivationFunction f;
  CUTAWAY_HD float value(float x) const {
    const float z = f.alpha * x;
    const float above = z <= 0.0f ? 0.0f : z;
    return (above + log1p_of(exp_of(z <= 0.0f ? z : -z))) / f.alpha;
  }
  CUTAWAY_HD float slope(float x) const { return sigmoid_of(f.alpha * x); }
};

struct Erf {
  ActivationFunction f;
  CUTAWAY_HD float value(float x) const { return erf_of(x); }
  CUTAWAY_HD float slope(float x) const {
    return 1.12837916709551257f * exp_of(-x * x);  // 2 / sqrt(pi)
  }
};

template <class F>
struct Value {
  F f;
  CUTAWAY_HD float operator()(float x, float) const { return f.value(x); }
};
template <class F, bool kGuided>
struct Slope {
  F f;
  CUTAWAY_HD float operator()(float x, float dy) const {
    const float d = f.slope(x) * dy;
    if constexpr (kGuided) return dy > 0.0f ? d : 0.0f;
    return d;
  }
};

/// y = f(x0, x1) on channels, 0 on the lanes behind the last.
template <class F>
struct MapChannelsAt {
  View<const float> x0, x1;
  View<float> y;
  F f;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* p0 = x0.data + s.in(x0);
    const float* p1 = x1.data + s.in(x1);
    float* out = y.data + s.in(y);
    const auto real = static_cast<std::int32_t>(y.shape.c - s.channel(y.block));
    CUTAWAY_LANES
    for (int l = 0; l < V; ++l) out[l] = l < real ? f(p0[l], p1[l]) : 0.0f;
  }
};

/// The cost of these functions, in elementwise operations.
constexpr std::int64_t kCost = 16;

template <class F>
void map_channels(CUTAWAY_STREAM& stream,
                  const View<const float>& x0,
                  const View<const float>& x1,
                  const View<float>& y,
                  F f) {
  if (y.lanes() == 1 || y.shape.c % y.lanes() == 0) {
    map(stream, x0, x1, y, f, kCost);  // no padding
  } else {
    for_each_site(stream, SiteSpace::of(y), MapChannelsAt<F>{x0, x1, y, f}, kCost);
  }
}

/// Calls use(F{f}) with the type of the function.
template <class Use>
void with_function(const ActivationFunction& f, const Use& use) {
  switch (f.kind) {
    case Activation::kSigmoid:
      return use(Sigmoid{f});
    case Activation::kHardSigmoid:
      return use(HardSigmoid{f});
    case Activation::kTanh:
      return use(Tanh{f});
    case Activation::kSoftsign:
      return use(Softsign{f});
    case Activation::kSilu:
      return use(Silu{f});
    case Activation::kHardSwish:
      return use(HardSwish{f});
    case Activation::kElu:
      return use(Elu{f});
    case Activation::kGelu:
      return use(Gelu{f});
    case Activation::kGeluTanh:
      return use(GeluTanh{f});
    case Activation::kMish:
      return use(Mish{f});
    case Activation::kSoftplus:
      return use(Softplus{f});
    case Activation::kErf:
      return use(Erf{f});
  }
}

struct PReluAt {
  PRelu k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* in = k.x.data + s.in(k.x);
    float* out = k.y.data + s.in(k.y);
    const std::int64_t c = s.channel(k.y.block);
    const auto real = static_cast<std::int32_t>(k.y.shape.c - c);
    for (int l = 0; l < V; ++l) {
      const float slope = l < real ? k.slope[c + l] : 0.0f;
      out[l] = in[l] > 0.0f ? in[l] : slope * in[l];
    }
  }
};

struct PReluBackwardAt {
  PReluBackward k;

  template <int V>
  CUTAWAY_HD void at(const Site& s) const {
    const float* x = k.x.data + s.in(k.x);
    const float* dy = k.dy.data + s.in(k.dy);
    float* dx = k.dx.data + s.in(k.dx);
    const std::int64_t c = s.channel(k.dx.block);
    const auto real = static_cast<std::int32_t>(k.dx.shape.c - c);
    const bool guided = k.rule == ReluRule::kGuided;
    for (int l = 0; l < V; ++l) {
      const float slope = l < real ? k.slope[c + l] : 0.0f;
      const float signal = guided & !(dy[l] > 0.0f) ? 0.0f : dy[l];
      dx[l] = x[l] > 0.0f ? signal : slope * signal;
    }
  }
};

}  // namespace

void run(CUTAWAY_STREAM& s, const Activate& k) {
  with_function(k.f, [&](auto f) { map_channels(s, k.x, k.x, k.y, Value<decltype(f)>{f}); });
}

void run(CUTAWAY_STREAM& s, const ActivateBackward& k) {
  with_function(k.f, [&](auto f) {
    if (k.rule == ReluRule::kGuided) {
      map_channels(s, k.x, k.dy, k.dx, Slope<decltype(f), true>{f});
    } else {
      map_channels(s, k.x, k.dy, k.dx, Slope<decltype(f), false>{f});
    }
  });
}

void run(CUTAWAY_STREAM& s, const PRelu& k) { for_each_site(s, SiteSpace::of(k.y), PReluAt{k}); }

void run(CUTAWAY_STREAM& s, const PReluBackward& k) {
  for_each_site(s, SiteSpace::of(k.dx), PReluBackwardAt{k});
}

}  // namespace cutaway::kernels
