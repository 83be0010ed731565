#include "kernels/update.h"

#include <doctest/doctest.h>

#include "tests/kernels/support.h"

using namespace cutaway;
using namespace cutaway::kernels;
using namespace cutaway::test;

namespace {

std::vector<float> floats(Random& r, std::int64_t count) {
  const Values v = r.values({1, 1, 1, count});
  return {v.begin(), v.end()};
}
Values doubles(const std::vector<float>& v) { return {v.begin(), v.end()}; }

}  // namespace

TEST_CASE("SGD with momentum, weight decay and Nesterov's step") {
  Random r(61);
  CpuStream stream(2);
  for (const bool nesterov : {false, true}) {
    std::vector<float> w = floats(r, 1003), v(1003, 0.0f);
    Values want_w = doubles(w), want_v(1003, 0.0);
    for (int step = 0; step < 5; ++step) {
      const std::vector<float> g = floats(r, 1003);
      run(stream, SgdUpdate{w.data(), g.data(), v.data(), 1003, 0.1f, 0.9f, 1e-2f, nesterov});
      for (std::size_t i = 0; i < w.size(); ++i) {
        const double slope = static_cast<double>(g[i]) + 1e-2 * want_w[i];
        want_v[i] = 0.9 * want_v[i] + slope;
        want_w[i] -= 0.1 * (nesterov ? slope + 0.9 * want_v[i] : want_v[i]);
      }
    }
    // Five steps of a few roundings, on values up to about 5.
    CHECK(mismatches(doubles(w), want_w, 2e-6) == 0);
    CHECK(mismatches(doubles(v), want_v, 2e-6) == 0);
  }
}

TEST_CASE("Adam with decoupled weight decay") {
  Random r(62);
  CpuStream stream(2);
  std::vector<float> w = floats(r, 517), m(517, 0.0f), v(517, 0.0f);
  Values want_w = doubles(w), want_m(517, 0.0), want_v(517, 0.0);
  for (int step = 1; step <= 6; ++step) {
    const std::vector<float> g = floats(r, 517);
    run(stream, AdamUpdate{w.data(), g.data(), m.data(), v.data(), 517, 1e-2f, 0.9f, 0.999f, 1e-8f,
                           0.1f, step});
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double slope = static_cast<double>(g[i]);
      want_m[i] = 0.9 * want_m[i] + 0.1 * slope;
      want_v[i] = 0.999 * want_v[i] + 0.001 * slope * slope;
      const double mean = want_m[i] / (1.0 - std::pow(0.9, step));
      const double square = want_v[i] / (1.0 - std::pow(0.999, step));
      want_w[i] -= 1e-2 * (mean / (std::sqrt(square) + 1e-8) + 0.1 * want_w[i]);
    }
  }
  // 0.999 in float is 1.3e-8 off, that is 1.3e-5 of 1 - beta2; it divides out of the step but not
  // of v.
  CHECK(mismatches(doubles(w), want_w, 2e-6) == 0);
  CHECK(mismatches(doubles(m), want_m, 1e-6) == 0);
  CHECK(mismatches(doubles(v), want_v, 1e-6) == 0);
}

TEST_CASE("Adam with an L2 penalty, scaled and clipped gradients") {
  Random r(64);
  CpuStream stream(2);
  std::vector<float> w = floats(r, 517), m(517, 0.0f), v(517, 0.0f);
  std::vector<float> sgd_w = w, sgd_v(517, 0.0f);
  Values want_w = doubles(w), want_m(517, 0.0), want_v(517, 0.0), want_sgd = want_w;
  Values velocity(517, 0.0);
  for (int step = 1; step <= 4; ++step) {
    const std::vector<float> g = floats(r, 517);
    AdamUpdate k{w.data(), g.data(), m.data(), v.data(), 517, 1e-2f,
                 0.9f,     0.999f,   1e-8f,    0.1f,     step};
    k.l2 = true;
    k.scale = 0.5f;
    k.clip = 0.25f;
    run(stream, k);
    SgdUpdate s{sgd_w.data(), g.data(), sgd_v.data(), 517, 0.1f, 0.9f, 0.1f};
    s.scale = 0.5f;
    s.clip = 0.25f;
    run(stream, s);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double limited = std::min(0.25, std::max(-0.25, 0.5 * static_cast<double>(g[i])));
      const double slope = limited + 0.1 * want_w[i];
      want_m[i] = 0.9 * want_m[i] + 0.1 * slope;
      want_v[i] = 0.999 * want_v[i] + 0.001 * slope * slope;
      const double mean = want_m[i] / (1.0 - std::pow(0.9, step));
      const double square = want_v[i] / (1.0 - std::pow(0.999, step));
      want_w[i] -= 1e-2 * mean / (std::sqrt(square) + 1e-8);
      velocity[i] = 0.9 * velocity[i] + limited + 0.1 * want_sgd[i];
      want_sgd[i] -= 0.1 * velocity[i];
    }
  }
  CHECK(mismatches(doubles(w), want_w, 5e-6) == 0);
  CHECK(mismatches(doubles(sgd_w), want_sgd, 2e-6) == 0);
}

TEST_CASE("moving averages, sums of squares, filters brought back to a radius") {
  Random r(65);
  CpuStream stream(2);
  const std::vector<float> w = floats(r, 10007);
  std::vector<float> average = floats(r, 10007);
  Values want = doubles(average);
  run(stream, MovingAverage{w.data(), average.data(), 10007, 0.9f});
  double square = 0.0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    want[i] = 0.9 * want[i] + 0.1 * static_cast<double>(w[i]);
    square += static_cast<double>(w[i]) * static_cast<double>(w[i]);
  }
  CHECK(mismatches(doubles(average), want, 1e-6) == 0);
  std::vector<double> sums(static_cast<std::size_t>(square_sum_pieces(10007)), std::nan(""));
  CHECK(sums.size() == 3);
  run(stream, SquareSum{w.data(), 10007, sums.data()});
  CHECK(sums[0] + sums[1] + sums[2] == doctest::Approx(square).epsilon(1e-12));
  // Rows of 9 with mean squares 4, 0.01 and 0: radius 0.5.
  std::vector<float> filters(27, 0.0f);
  std::fill_n(filters.begin(), 9, -2.0f);
  std::fill_n(filters.begin() + 9, 9, 0.1f);
  std::vector<std::int32_t> scaled(3, -1);
  run(stream, RenormalizeFilters{filters.data(), 3, 9, 0.5, scaled.data()});
  CHECK(scaled == std::vector<std::int32_t>{1, 0, 0});
  for (std::size_t i = 0; i < 27; ++i) CHECK(filters[i] == (i < 9 ? -0.5f : i < 18 ? 0.1f : 0.0f));
}

TEST_CASE("updates give the same bytes for any number of threads") {
  Random r(63);
  const std::vector<float> w0 = floats(r, 30011), g = floats(r, 30011);
  std::vector<float> first;
  for (const int threads : {1, 2, 5}) {
    CpuStream stream(threads);
    std::vector<float> w = w0, v = w0;
    run(stream, SgdUpdate{w.data(), g.data(), v.data(), 30011, 0.1f, 0.9f, 1e-4f});
    if (first.empty()) first = w;
    CHECK(std::memcmp(first.data(), w.data(), w.size() * sizeof(float)) == 0);
  }
}
