#include "kernels/norm.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/kernels/support.h"

using namespace cutaway;
using namespace cutaway::kernels;
using namespace cutaway::test;

namespace {

Shape any_shape(Random& r) {
  return {r.between(1, 3), r.between(1, 50), r.between(1, 6), r.between(1, 7)};
}

/// The sum of `terms` over the window of channel c.
double window_sum(const Values& terms, const Shape& s, std::size_t at, int size) {
  const auto plane = static_cast<std::int64_t>(s.plane());
  const auto c = static_cast<std::int64_t>(at) / plane % s.c;
  const std::int64_t half = (size - 1) / 2;
  double sum = 0.0;
  for (std::int64_t j = std::max<std::int64_t>(c - half, 0); j <= std::min(c + half, s.c - 1);
       ++j) {
    sum += terms[static_cast<std::size_t>(static_cast<std::int64_t>(at) + (j - c) * plane)];
  }
  return sum;
}

Values lrn_bases(const Values& x, const Shape& s, const LrnParameters& p) {
  Values squares(x.size()), base(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) squares[i] = x[i] * x[i];
  for (std::size_t i = 0; i < x.size(); ++i) {
    base[i] = static_cast<double>(p.k) +
              static_cast<double>(p.alpha) / p.size * window_sum(squares, s, i, p.size);
  }
  return base;
}

Values lrn(const Values& x, const Shape& s, const LrnParameters& p) {
  Values y = lrn_bases(x, s, p);
  for (std::size_t i = 0; i < x.size(); ++i)
    y[i] = x[i] * std::pow(y[i], -static_cast<double>(p.beta));
  return y;
}

Values lrn_gradient(const Values& x, const Values& g, const Shape& s, const LrnParameters& p) {
  const Values base = lrn_bases(x, s, p);
  const double beta = static_cast<double>(p.beta);
  Values terms(x.size()), dx(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    terms[i] = g[i] * x[i] * std::pow(base[i], -beta - 1.0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    dx[i] = std::pow(base[i], -beta) * g[i] - 2.0 * static_cast<double>(p.alpha) * beta / p.size *
                                                  x[i] * window_sum(terms, s, i, p.size);
  }
  return dx;
}

LrnParameters any_parameters(Random& r, int i) {
  LrnParameters p;
  p.alpha = static_cast<float>(0.5 + r.uniform());
  p.k = static_cast<float>(0.5 + r.uniform());
  if (i % 2 == 0) return p;  // the window of 5 with exponent 3/4, which has its own code
  p.size = static_cast<std::int32_t>(1 + 2 * r.between(0, 4));
  p.beta = i % 4 == 1 ? 0.75f : static_cast<float>(0.3 + r.uniform());
  return p;
}

std::vector<float> to_float(const Values& v) { return {v.begin(), v.end()}; }
Values to_double(const std::vector<float>& v) { return {v.begin(), v.end()}; }

struct Statistics {
  Values mean, variance;
};
Statistics statistics_of(const Values& x, const Shape& s) {
  Statistics t{Values(static_cast<std::size_t>(s.c)), Values(static_cast<std::size_t>(s.c))};
  const auto area = static_cast<std::size_t>(s.plane());
  const double count = static_cast<double>(s.n * s.plane());
  for (std::size_t i = 0; i < x.size(); ++i) t.mean[i / area % t.mean.size()] += x[i] / count;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i / area % t.mean.size();
    t.variance[c] += (x[i] - t.mean[c]) * (x[i] - t.mean[c]) / count;
  }
  return t;
}

std::vector<double> scratch_for(const View<const float>& v) {
  return std::vector<double>(channel_moments_scratch_bytes(v) / sizeof(double), kNaN);
}

}  // namespace

TEST_CASE("local response normalisation of five ones") {
  Random r(31);
  CpuStream stream(1);
  const LrnParameters p{5, 5.0f, 0.75f, 1.0f};
  const Values want{.35355339, .29906976, .26084743, .29906976, .35355339};
  for (const Family kind : {Family::kPlain, Family::kBlocked, Family::kChannelsLast}) {
    Floats x = filled(r, {1, 5, 1, 1}, kind, Values(5, 1.0));
    Floats y(r, {1, 5, 1, 1}, kind);
    run(stream, Lrn{x.view(), y.view(), p});
    CHECK(mismatches(y.get(), want, 1e-7) == 0);
  }
}

TEST_CASE("local response normalisation, forward and backward, against the formula") {
  Random r(32);
  CpuStream stream(2);
  for (int i = 0; i < 400; ++i) {
    const Shape s = any_shape(r);
    const LrnParameters p = any_parameters(r, i);
    const Family kind = family(r);
    const Values a = r.values(s);
    const Values g = r.values(s);
    Floats x = filled(r, s, kind, a);
    Floats dy = filled(r, s, kind, g);
    Floats y(r, s, kind), dx(r, s, kind);
    run(stream, Lrn{x.view(), y.view(), p});
    run(stream, LrnBackward{x.view(), dy.view(), dx.view(), p});
    // About ten float roundings, amplified by an exponent near 1; 1e-6 of values up to 4.
    CHECK(mismatches(y.get(), lrn(a, s, p), 2e-6) == 0);
    CHECK(mismatches(dx.get(), lrn_gradient(a, g, s, p), 1e-5) == 0);
    CHECK((y.damage() + dx.damage()) == "");
  }
}

TEST_CASE("the formula of the LRN gradient agrees with finite differences") {
  Random r(33);
  const Shape s{1, 9, 1, 2};
  const LrnParameters p{5, 0.9f, 0.75f, 1.3f};
  Values x = r.values(s);
  const Values g = r.values(s);
  const Values dx = lrn_gradient(x, g, s, p);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double step = 1e-5;
    Values up = x, down = x;
    up[i] += step;
    down[i] -= step;
    const double slope = (dot(lrn(up, s, p), g) - dot(lrn(down, s, p), g)) / (2.0 * step);
    CHECK(std::fabs(slope - dx[i]) <= 1e-8);
  }
}

TEST_CASE("a NaN in the last channel stays out of the padding") {
  Random r(34);
  CpuStream stream(1);
  const Shape s{1, 5, 2, 2};
  Floats x = filled(r, s, Family::kBlocked, Values(20, kNaN));
  Floats y(r, s, Family::kBlocked, false), dx(r, s, Family::kBlocked, false);
  const std::vector<float> nan(5, std::numeric_limits<float>::quiet_NaN());
  for (const std::int32_t size : {5, 3}) {
    run(stream, Lrn{x.view(), y.view(), {size}});
    run(stream, LrnBackward{x.view(), x.view(), dx.view(), {size}});
    CHECK((y.damage() + dx.damage()) == "");
    CHECK(mismatches(y.get(), Values(20, kNaN), 0.0) == 0);
  }
  run(stream, ChannelAffine{x.view(), y.view(), nan.data(), nan.data()});
  CHECK(y.damage() == "");
}

TEST_CASE("channel affine: padding stays zero, the shift may be absent, in place works") {
  Random r(35);
  CpuStream stream(2);
  for (int i = 0; i < 200; ++i) {
    const Shape s = any_shape(r);
    const Family kind = family(r);
    const Values a = r.values(s);
    const std::vector<float> scale = to_float(r.values({1, s.c, 1, 1}));
    const std::vector<float> shift = to_float(r.values({1, s.c, 1, 1}));
    const bool shifted = r.chance(0.7);
    Values want(a.size());
    for (std::size_t j = 0; j < a.size(); ++j) {
      const std::size_t c = j / static_cast<std::size_t>(s.plane()) % scale.size();
      const float product = scale[c] * static_cast<float>(a[j]);
      want[j] = static_cast<double>(product + (shifted ? shift[c] : 0.0f));
    }
    Floats x = filled(r, s, kind, a);
    Floats y(r, s, kind);
    const float* vector = shifted ? shift.data() : nullptr;
    run(stream, ChannelAffine{x.view(), y.view(), scale.data(), vector});
    CHECK(mismatches(y.get(), want, 0.0) == 0);
    CHECK(y.damage() == "");
    run(stream, ChannelAffine{x.view(), x.view(), scale.data(), vector});
    CHECK(mismatches(x.get(), want, 0.0) == 0);
    CHECK(x.damage() == "");
  }
}

TEST_CASE("moments, sums and the gradient of batch normalisation") {
  Random r(36);
  CpuStream stream(2);
  for (int i = 0; i < 200; ++i) {
    Shape s = any_shape(r);
    if (i % 10 == 0) s = {2, 3, 40, 33};  // several chunks an image
    if (s.n * s.plane() < 2) s.w = 2;
    const Family kind = family(r);
    const auto channels = static_cast<std::size_t>(s.c);
    Values a = r.values(s);
    for (double& v : a) v = static_cast<double>(static_cast<float>(100.0 + v));  // cancellation
    const Values g = r.values(s);
    Floats x = filled(r, s, kind, a);
    Floats dy = filled(r, s, kind, g);
    Floats dx(r, s, kind);
    std::vector<double> scratch = scratch_for(x.view());
    std::vector<float> mean(channels), variance(channels), sum(channels), product(channels);
    run(stream, ChannelMoments{x.view(), mean.data(), variance.data(), scratch.data()});
    const Statistics want = statistics_of(a, s);
    CHECK(mismatches(to_double(mean), want.mean, 1e-7) == 0);
    CHECK(mismatches(to_double(variance), want.variance, 1e-6) == 0);

    scratch.assign(channel_sums_scratch_bytes(dy.view()) / sizeof(double), kNaN);
    run(stream,
        ChannelSums{dy.view(), x.view(), mean.data(), sum.data(), product.data(), scratch.data()});
    Values want_sum(channels), want_product(channels), want_dx(a.size());
    const auto area = static_cast<std::size_t>(s.plane());
    for (std::size_t j = 0; j < a.size(); ++j) {
      const std::size_t c = j / area % channels;
      want_sum[c] += g[j];
      want_product[c] += g[j] * (a[j] - static_cast<double>(mean[c]));
    }
    CHECK(mismatches(to_double(sum), want_sum, 1e-6) == 0);
    CHECK(mismatches(to_double(product), want_product, 1e-6) == 0);
    run(stream, ChannelSums{dy.view(), {}, nullptr, sum.data(), nullptr, scratch.data()});
    CHECK(mismatches(to_double(sum), want_sum, 1e-6) == 0);

    const std::vector<float> gamma = to_float(r.values({1, s.c, 1, 1}));
    const double eps = static_cast<double>(1e-2f);
    const double count = static_cast<double>(s.n * s.plane());
    for (std::size_t j = 0; j < a.size(); ++j) {
      const std::size_t c = j / area % channels;
      const double root = 1.0 / std::sqrt(want.variance[c] + eps);
      const double centred = a[j] - want.mean[c];
      want_dx[j] = static_cast<double>(gamma[c]) * root *
                   (g[j] - want_sum[c] / count - centred * root * root * want_product[c] / count);
    }
    run(stream, BatchNormBackward{x.view(), dy.view(), dx.view(), gamma.data(), mean.data(),
                                  variance.data(), sum.data(), product.data(), 1e-2f});
    // The mean of 100 is stored in float (4e-6 off), and root is at most 10.
    CHECK(mismatches(dx.get(), want_dx, 4e-4) == 0);
    CHECK(dx.damage() == "");
  }
}

TEST_CASE("batch norm folding") {
  CpuStream stream(1);
  const std::vector<float> gamma{2.0f, -1.0f}, beta{0.5f, 0.0f}, mean{3.0f, -2.0f},
      var{3.75f, 0.0f};
  std::vector<float> scale(2), shift(2);
  run(stream, BatchNormFold{gamma.data(), beta.data(), mean.data(), var.data(), scale.data(),
                            shift.data(), 0.25f, 2});
  CHECK(mismatches(to_double(scale), {1.0, -2.0}, 1e-7) == 0);
  CHECK(mismatches(to_double(shift), {-2.5, -4.0}, 1e-7) == 0);
}

TEST_CASE("normalisations give the same bytes for any number of threads") {
  Random r(37);
  const Shape s{3, 37, 41, 19};
  for (const Family kind : {Family::kPlain, Family::kBlocked, Family::kChannelsLast}) {
    Floats x = filled(r, s, kind, r.values(s));
    Floats y(r, s, kind, false), dx(r, s, kind, false);
    std::vector<float> first;
    for (const int threads : {1, 2, 5}) {
      CpuStream stream(threads);
      std::vector<double> scratch = scratch_for(x.view());
      std::vector<float> all(74);
      run(stream, Lrn{x.view(), y.view(), {}});
      run(stream, LrnBackward{x.view(), y.view(), dx.view(), {}});
      run(stream, ChannelMoments{x.view(), all.data(), all.data() + 37, scratch.data()});
      all.insert(all.end(), y.memory().begin(), y.memory().end());
      all.insert(all.end(), dx.memory().begin(), dx.memory().end());
      if (first.empty()) first = all;
      CHECK(std::memcmp(first.data(), all.data(), all.size() * sizeof(float)) == 0);
    }
  }
}
