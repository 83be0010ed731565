#include "kernels/softmax.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/kernels/support.h"

using namespace cutaway;
using namespace cutaway::kernels;
using namespace cutaway::test;

namespace {

Values softmax(const Values& x, const Shape& s) {
  Values y(x.size());
  const std::int64_t plane = s.plane();
  for (std::int64_t i = 0; i < s.n * plane; ++i) {
    const auto at = [&](std::int64_t c) {
      return static_cast<std::size_t>((i / plane * s.c + c) * plane + i % plane);
    };
    double most = x[at(0)];
    for (std::int64_t c = 0; c < s.c; ++c) most = std::max(most, x[at(c)]);
    double sum = 0.0;
    for (std::int64_t c = 0; c < s.c; ++c) sum += y[at(c)] = std::exp(x[at(c)] - most);
    for (std::int64_t c = 0; c < s.c; ++c) y[at(c)] /= sum;
  }
  return y;
}

}  // namespace

TEST_CASE("softmax and its gradient in every layout, also in place") {
  Random r(41);
  CpuStream stream(2);
  for (int i = 0; i < 200; ++i) {
    Shape s{r.between(1, 3), r.between(1, 60), r.between(1, 3), r.between(1, 4)};
    if (i % 20 == 0) s = {2, 1000, 1, 1};
    const Family kind = family(r);
    Values logits = r.values(s);
    for (double& v : logits)
      v = static_cast<double>(static_cast<float>(8.0 * v + 90.0));  // exp overflows
    const Values g = r.values(s);
    Floats x = filled(r, s, kind, logits);
    Floats dy = filled(r, s, kind, g);
    Floats y(r, s, kind), dx(r, s, kind);
    run(stream, Softmax{x.view(), y.view()});
    const Values want = softmax(logits, s);
    // Subtracting the maximum and expf are good to about 1e-6 relative here.
    CHECK(mismatches(y.get(), want, 1e-6) == 0);
    run(stream, SoftmaxBackward{y.view(), dy.view(), dx.view()});
    Values want_dx(want.size());
    const auto plane = static_cast<std::size_t>(s.plane());
    const auto image = plane * static_cast<std::size_t>(s.c);
    for (std::size_t j = 0; j < want.size(); ++j) {
      double sum = 0.0;
      for (std::size_t k = j / image * image + j % plane; k < (j / image + 1) * image; k += plane) {
        sum += g[k] * want[k];
      }
      want_dx[j] = want[j] * (g[j] - sum);
    }
    CHECK(mismatches(dx.get(), want_dx, 4e-6) == 0);
    CHECK((y.damage() + dx.damage()) == "");
    // The logarithm, and its gradient dy - softmax(x) sum(dy).
    Floats z(r, s, kind), dz(r, s, kind);
    run(stream, Softmax{x.view(), z.view(), true});
    Values want_log(want.size()), want_dz(want.size());
    for (std::size_t j = 0; j < want.size(); ++j) {
      want_log[j] = std::log(want[j]);
      double sum = 0.0;
      for (std::size_t k = j / image * image + j % plane; k < (j / image + 1) * image; k += plane)
        sum += g[k];
      want_dz[j] = g[j] - want[j] * sum;
    }
    CHECK(mismatches(z.get(), want_log, 4e-6) == 0);
    run(stream, SoftmaxBackward{z.view(), dy.view(), dz.view(), true});
    CHECK(mismatches(dz.get(), want_dz, 4e-6) == 0);
    CHECK((z.damage() + dz.damage()) == "");
    run(stream, Softmax{x.view(), x.view()});
    CHECK(mismatches(x.get(), y.get(), 0.0) == 0);
    run(stream, SoftmaxBackward{y.view(), dy.view(), dy.view()});
    CHECK(mismatches(dy.get(), dx.get(), 0.0) == 0);
  }
}

TEST_CASE("softmax of NaN is NaN for that image only") {
  Random r(42);
  CpuStream stream(1);
  Values x(22, 0.0);
  x[3] = kNaN;
  Floats in = filled(r, {2, 11, 1, 1}, Family::kBlocked, x);
  Floats out(r, {2, 11, 1, 1}, Family::kBlocked);
  run(stream, Softmax{in.view(), out.view()});
  Values want(22, 1.0 / 11.0);
  std::fill_n(want.begin(), 11, kNaN);
  CHECK(mismatches(out.get(), want, 1e-6) == 0);
  CHECK(out.damage() == "");
}

TEST_CASE("cross-entropy, its gradient, label smoothing and unknown labels") {
  Random r(43);
  CpuStream stream(2);
  for (int i = 0; i < 200; ++i) {
    const Shape s{r.between(1, 5), r.between(2, 70), 1, 1};
    const Family kind = family(r);
    const float smoothing = i % 2 == 0 ? 0.0f : 0.1f;
    const Values logits = r.values(s);
    const Values p = softmax(logits, s);
    std::vector<std::int32_t> labels(static_cast<std::size_t>(s.n));
    for (auto& label : labels) label = static_cast<std::int32_t>(r.between(0, s.c - 1));
    const bool unknown = i % 7 == 0;
    if (unknown) labels[0] = i % 2 == 0 ? -1 : static_cast<std::int32_t>(s.c);
    Values want_loss(labels.size()), want(p.size());
    const auto channels = static_cast<std::size_t>(s.c);
    const double e = static_cast<double>(smoothing);
    for (std::size_t j = 0; j < p.size(); ++j) {
      const std::size_t n = j / channels;
      const bool hit = static_cast<std::int64_t>(j % channels) == labels[n];
      const double target = e / static_cast<double>(s.c) + (hit ? 1.0 - e : 0.0);
      const bool lost = unknown && n == 0;
      want_loss[n] += lost ? kNaN : -target * std::log(p[j]);
      want[j] = lost ? kNaN : (p[j] - target) / static_cast<double>(s.n);
    }
    Floats x = filled(r, s, kind, logits);
    Floats dx(r, s, kind);
    std::vector<float> loss(labels.size(), -1.0f);
    run(stream, CrossEntropy{x.view(), labels.data(), loss.data(), dx.view(), smoothing});
    CHECK(mismatches(Values(loss.begin(), loss.end()), want_loss, 1e-6) == 0);
    CHECK(mismatches(dx.get(), want, 1e-6) == 0);
    CHECK(dx.damage() == "");
    std::vector<float> again(labels.size(), -1.0f);
    run(stream, CrossEntropy{x.view(), labels.data(), again.data(), {}, smoothing});
    CHECK(std::memcmp(loss.data(), again.data(), loss.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("softmax gives the same bytes in every layout and for any number of threads") {
  Random r(44);
  const Shape s{3, 101, 5, 7};
  const Values logits = r.values(s);
  Values first;
  for (const Family kind : {Family::kPlain, Family::kBlocked, Family::kChannelsLast}) {
    for (const int threads : {1, 2, 5}) {
      CpuStream stream(threads);
      Floats x = filled(r, s, kind, logits);
      Floats y(r, s, kind);
      run(stream, Softmax{x.view(), y.view()});
      if (first.empty()) first = y.get();
      CHECK(mismatches(y.get(), first, 0.0) == 0);
    }
  }
}
