#include "kernels/activation.h"

#include <doctest/doctest.h>

#include <functional>

#include "tests/kernels/support.h"

using namespace cutaway;
using namespace cutaway::kernels;
using namespace cutaway::test;

namespace {

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double normal_part(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

struct Definition {
  ActivationFunction f;
  std::function<double(double)> value, slope;
  /// A few ulp of float32, of sums and differences of numbers about 1. The error function is within
  /// 4e-7, and GELU multiplies it by x / 2 (here to 4); the slope of its approximation multiplies
  /// what rounding leaves of 1 - tanh^2 by x^3 / 20.
  double value_error{1e-6}, slope_error{2e-6};
};

/// By the definitions, in double; derivatives worked out by hand.
std::vector<Definition> definitions() {
  const double root = std::sqrt(2.0 / M_PI);
  const auto inner = [root](double x) { return root * (x + 0.044715 * x * x * x); };
  return {
      {{Activation::kSigmoid}, sigmoid, [](double x) { return sigmoid(x) * sigmoid(-x); }},
      {{Activation::kHardSigmoid, 0.25F, 0.5F},
       [](double x) { return std::min(1.0, std::max(0.0, 0.25 * x + 0.5)); },
       [](double x) { return std::fabs(x) < 2.0 ? 0.25 : 0.0; }},
      {{Activation::kTanh},
       [](double x) { return std::tanh(x); },
       [](double x) { return 1.0 / std::pow(std::cosh(x), 2); }},
      {{Activation::kSoftsign},
       [](double x) { return x / (1.0 + std::fabs(x)); },
       [](double x) { return std::pow(1.0 + std::fabs(x), -2); }},
      {{Activation::kSilu, 1.5F},
       [](double x) { return x * sigmoid(1.5 * x); },
       [](double x) { return sigmoid(1.5 * x) + 1.5 * x * sigmoid(1.5 * x) * sigmoid(-1.5 * x); }},
      {{Activation::kHardSwish},
       [](double x) { return x * std::min(1.0, std::max(0.0, x / 6.0 + 0.5)); },
       [](double x) { return x <= -3.0  ? 0.0
                             : x >= 3.0 ? 1.0
                                        : x / 3.0 + 0.5; }},
      {{Activation::kElu, 1.5F, 0.5F},
       [](double x) { return 0.5 * (x > 0 ? x : 1.5 * std::expm1(x)); },
       [](double x) { return 0.5 * (x > 0 ? 1.0 : 1.5 * std::exp(x)); }},
      {{Activation::kGelu},
       [](double x) { return x * normal_part(x); },
       [](double x) { return normal_part(x) + x * std::exp(-x * x / 2.0) / std::sqrt(2.0 * M_PI); },
       2e-6},
      {{Activation::kGeluTanh},
       [=](double x) { return 0.5 * x * (1.0 + std::tanh(inner(x))); },
       [=](double x) {
         const double t = std::tanh(inner(x));
         return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * root * (1.0 + 3.0 * 0.044715 * x * x);
       },
       1e-6,
       5e-6},
      {{Activation::kMish},
       [](double x) { return x * std::tanh(std::log1p(std::exp(x))); },
       [](double x) {
         const double t = std::tanh(std::log1p(std::exp(x)));
         return t + x * (1.0 - t * t) * sigmoid(x);
       }},
      {{Activation::kSoftplus, 2.0F},
       [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(2.0 * x))) / 2.0; },
       [](double x) { return sigmoid(2.0 * x); }},
      {{Activation::kErf},
       [](double x) { return std::erf(x); },
       [](double x) { return 2.0 / std::sqrt(M_PI) * std::exp(-x * x); }},
  };
}

}  // namespace

TEST_CASE("activations: values and derivatives in every layout, padding cleared, also in place") {
  Random r(51);
  CpuStream stream(2);
  for (const Definition& d : definitions()) {
    CAPTURE(static_cast<int>(d.f.kind));
    for (int i = 0; i < 60; ++i) {
      const Shape s{r.between(1, 3), r.between(1, 40), r.between(1, 7), r.between(1, 9)};
      const Family kind = family(r);
      Values a = r.values(s);
      for (double& v : a) v = static_cast<double>(static_cast<float>(2.0 * v));
      const Values g = r.values(s);
      Values want(a.size()), want_dx(a.size()), want_guided(a.size());
      for (std::size_t j = 0; j < a.size(); ++j) {
        want[j] = d.value(a[j]);
        want_dx[j] = d.slope(a[j]) * g[j];
        want_guided[j] = g[j] > 0 ? want_dx[j] : 0.0;
      }
      Floats x = filled(r, s, kind, a), dy = filled(r, s, kind, g), y(r, s, kind), dx(r, s, kind);
      run(stream, Activate{x.view(), y.view(), d.f});
      CHECK(mismatches(y.get(), want, d.value_error) == 0);
      CHECK(y.damage() == "");
      run(stream, ActivateBackward{x.view(), dy.view(), dx.view(), d.f});
      CHECK(mismatches(dx.get(), want_dx, d.slope_error) == 0);
      CHECK(dx.damage() == "");
      run(stream, ActivateBackward{x.view(), dy.view(), dy.view(), d.f, ReluRule::kGuided});
      CHECK(mismatches(dy.get(), want_guided, d.slope_error) == 0);
      run(stream, Activate{x.view(), x.view(), d.f});
      CHECK(mismatches(x.get(), want, d.value_error) == 0);
      CHECK(x.damage() == "");
    }
  }
}

TEST_CASE("activations: far out they go to their limits, and NaN stays NaN") {
  CpuStream stream(1);
  for (const Definition& d : definitions()) {
    CAPTURE(static_cast<int>(d.f.kind));
    const std::vector<float> in{-1e4F, -104.5F, -88.0F, -20.0F, -9.0F,  -1e-6F, 0.0F,
                                1e-6F, 9.0F,    20.0F,  88.0F,  104.5F, 1e4F};
    const Shape s{1, static_cast<std::int64_t>(in.size()), 1, 1};
    std::vector<float> y(in.size()), dx(in.size()), ones(in.size(), 1.0F);
    const View<const float> x = dense_view(in.data(), s, kPlain);
    run(stream, Activate{x, dense_view(y.data(), s, kPlain), d.f});
    run(stream, ActivateBackward{x, dense_view<const float>(ones.data(), s, kPlain),
                                 dense_view(dx.data(), s, kPlain), d.f});
    for (std::size_t i = 0; i < in.size(); ++i) {
      CAPTURE(in[i]);
      const auto at = static_cast<double>(in[i]);
      // exp(1e4) is infinite in double too.
      const double want = d.f.kind == Activation::kMish && at > 100 ? at : d.value(at);
      const double want_slope = d.f.kind == Activation::kMish && at > 100 ? 1.0 : d.slope(at);
      CHECK(std::fabs(static_cast<double>(y[i]) - want) <= 1e-6 * std::max(1.0, std::fabs(at)));
      CHECK(std::fabs(static_cast<double>(dx[i]) - want_slope) <= 2e-6);
    }
    float nan = std::nanf(""), out = 0.0F, slope = 0.0F;
    const Shape one{1, 1, 1, 1};
    run(stream,
        Activate{dense_view<const float>(&nan, one, kPlain), dense_view(&out, one, kPlain), d.f});
    CHECK(std::isnan(out));
    run(stream, ActivateBackward{dense_view<const float>(&in[6], one, kPlain),
                                 dense_view<const float>(&nan, one, kPlain),
                                 dense_view(&slope, one, kPlain), d.f});
    CHECK(std::isnan(slope));
  }
}

TEST_CASE("activations: small arguments keep their digits") {
  CpuStream stream(1);
  // Relative to the result: what is computed as a difference from 1 would be lost.
  const std::vector<float> in{-0.3F, -1e-3F, -1e-6F, 1e-6F, 1e-3F, 0.3F, 0.7F, 3.0F};
  const Shape s{1, static_cast<std::int64_t>(in.size()), 1, 1};
  std::vector<float> y(in.size());
  for (const Definition& d : definitions()) {
    if (d.f.kind != Activation::kTanh && d.f.kind != Activation::kElu) continue;
    run(stream, Activate{dense_view(in.data(), s, kPlain), dense_view(y.data(), s, kPlain), d.f});
    for (std::size_t i = 0; i < in.size(); ++i) {
      const double want = d.value(static_cast<double>(in[i]));
      CAPTURE(in[i]);
      CHECK(std::fabs(static_cast<double>(y[i]) - want) <= 4e-7 * std::fabs(want));
    }
  }
}

TEST_CASE("prelu: a slope a channel, by hand and in every layout") {
  Random r(52);
  CpuStream stream(2);
  for (int i = 0; i < 60; ++i) {
    const Shape s{r.between(1, 3), r.between(1, 40), r.between(1, 5), r.between(1, 6)};
    const Family kind = family(r);
    const Values a = r.values(s), g = r.values(s);
    std::vector<float> slope(static_cast<std::size_t>(s.c));
    for (float& v : slope) v = static_cast<float>(r.normal());
    Values want(a.size()), want_dx(a.size()), want_guided(a.size());
    for (std::size_t j = 0; j < a.size(); ++j) {
      const auto c = j / static_cast<std::size_t>(s.plane()) % slope.size();
      want[j] = a[j] > 0 ? a[j] : static_cast<double>(slope[c] * static_cast<float>(a[j]));
      want_dx[j] = a[j] > 0 ? g[j] : static_cast<double>(slope[c] * static_cast<float>(g[j]));
      want_guided[j] = g[j] > 0 ? want_dx[j] : 0.0;
    }
    Floats x = filled(r, s, kind, a), dy = filled(r, s, kind, g), y(r, s, kind), dx(r, s, kind);
    run(stream, PRelu{x.view(), y.view(), slope.data()});
    CHECK(mismatches(y.get(), want, 0.0) == 0);
    CHECK(y.damage() == "");
    run(stream, PReluBackward{x.view(), dy.view(), dx.view(), slope.data()});
    CHECK(mismatches(dx.get(), want_dx, 0.0) == 0);
    CHECK(dx.damage() == "");
    run(stream, PReluBackward{x.view(), dy.view(), dy.view(), slope.data(), ReluRule::kGuided});
    CHECK(mismatches(dy.get(), want_guided, 0.0) == 0);
  }
}

TEST_CASE("activations give the same bytes for any number of threads") {
  Random r(53);
  const Shape s{2, 37, 31, 29};
  for (const Family kind : {Family::kPlain, Family::kBlocked, Family::kChannelsLast}) {
    Floats x = filled(r, s, kind, r.values(s));
    Floats one(r, s, kind, false), more(one);
    CpuStream alone(1);
    run(alone, Activate{x.view(), one.view(), {Activation::kMish}});
    for (const int threads : {2, 5}) {
      CpuStream stream(threads);
      run(stream, Activate{x.view(), more.view(), {Activation::kMish}});
      CHECK(std::memcmp(one.memory().data(), more.memory().data(), one.memory().size() * 4) == 0);
    }
    // And in every layout: the functions are plain arithmetic.
    Floats plain = filled(r, s, Family::kPlain, x.get()), again(r, s, Family::kPlain, false);
    run(alone, Activate{plain.view(), again.view(), {Activation::kMish}});
    CHECK(again.get() == one.get());
  }
}
