#include "kernels/elementwise.h"

#include <doctest/doctest.h>

#include "runtime/philox.h"
#include "tests/kernels/support.h"

using namespace cutaway;
using namespace cutaway::kernels;
using namespace cutaway::test;

namespace {

Shape any_shape(Random& r) {
  return {r.between(1, 3), r.between(1, 40), r.between(1, 7), r.between(1, 9)};
}

/// Runs `kernel(stream, x0, x1, y)` on random tensors, out of place and in place, against `f`.
template <class Kernel, class F>
void check_map(std::uint64_t seed, Kernel kernel, F f, bool zero_stays_zero = true) {
  Random r(seed);
  CpuStream stream(2);
  for (int i = 0; i < 150; ++i) {
    const Shape s = any_shape(r);
    const Family kind = family(r);
    const Values a = i % 2 == 0 ? r.values(s) : r.ties(s);
    const Values b = i % 2 == 0 ? r.values(s) : r.ties(s);
    Floats x0 = filled(r, s, kind, a);
    Floats x1 = filled(r, s, kind, b);
    Floats y(r, s, kind);
    kernel(stream, x0.view(), x1.view(), y.view());
    Values want(a.size());
    for (std::size_t j = 0; j < a.size(); ++j) {
      want[j] = static_cast<double>(f(static_cast<float>(a[j]), static_cast<float>(b[j])));
    }
    // The references do the same float arithmetic: no tolerance.
    CHECK(mismatches(y.get(), want, 0.0) == 0);
    if (zero_stays_zero) CHECK(y.damage() == "");
    kernel(stream, x0.view(), x1.view(), x1.view());
    CHECK(mismatches(x1.get(), want, 0.0) == 0);
  }
}

}  // namespace

TEST_CASE("scale, add, multiply") {
  check_map(
      1,
      [](auto& s, auto x0, auto, auto y) {
        run(s, Scale{x0, y, 1.7f});
      },
      [](float x, float) { return 1.7f * x; });
  check_map(
      2,
      [](auto& s, auto x0, auto x1, auto y) {
        run(s, Add{x0, x1, y, 0.5f, -3.0f});
      },
      [](float x, float y) { return 0.5f * x + -3.0f * y; });
  check_map(
      3,
      [](auto& s, auto x0, auto x1, auto y) {
        run(s, Multiply{x0, x1, y});
      },
      [](float x, float y) { return x * y; });
}

TEST_CASE("relu and the three ways down") {
  check_map(
      4,
      [](auto& s, auto x0, auto, auto y) {
        run(s, Relu{x0, y});
      },
      [](float x, float) { return std::isnan(x) ? x : std::max(x, 0.0f); });
  check_map(
      5,
      [](auto& s, auto x0, auto x1, auto y) {
        run(s, ReluBackward{x0, x1, y, ReluRule::kGradient});
      },
      [](float y, float dy) { return y > 0 ? dy : 0.0f; });
  check_map(
      6,
      [](auto& s, auto, auto x1, auto y) {
        run(s, ReluBackward{{}, x1, y, ReluRule::kDeconvnet});
      },
      [](float, float dy) { return dy > 0 ? dy : 0.0f; });
  check_map(
      7,
      [](auto& s, auto x0, auto x1, auto y) {
        run(s, ReluBackward{x0, x1, y, ReluRule::kGuided});
      },
      [](float y, float dy) { return y > 0 && dy > 0 ? dy : 0.0f; });
}

TEST_CASE("clip, leaky relu and the ways down") {
  const auto clip = [](float x, float) {
    return std::isnan(x) ? x : std::min(std::max(x, -0.5f), 0.75f);
  };
  const auto leak = [](float x, float) { return x > 0 ? x : 0.25f * x; };
  check_map(
      20,
      [](auto& s, auto x0, auto, auto y) {
        run(s, Clip{x0, y, -0.5f, 0.75f});
      },
      clip);
  check_map(
      21,
      [](auto& s, auto x0, auto, auto y) {
        run(s, LeakyRelu{x0, y, 0.25f});
      },
      leak);
  for (const ReluRule rule : {ReluRule::kGradient, ReluRule::kDeconvnet, ReluRule::kGuided}) {
    const bool reads_y = rule != ReluRule::kDeconvnet;
    const auto sieve = [rule](float dy) {
      return rule == ReluRule::kGradient || dy > 0 ? dy : 0.0f;
    };
    check_map(
        22,
        [=](auto& s, auto x0, auto x1, auto y) {
          run(s, ClipBackward{reads_y ? x0 : decltype(x0){}, x1, y, -0.5f, 0.75f, rule});
        },
        [=](float y, float dy) { return !reads_y || (y > -0.5f && y < 0.75f) ? sieve(dy) : 0.0f; });
    check_map(
        23,
        [=](auto& s, auto x0, auto x1, auto y) {
          run(s, LeakyReluBackward{reads_y ? x0 : decltype(x0){}, x1, y, 0.25f, rule});
        },
        [=](float y, float dy) {
          if (!reads_y) return leak(dy, 0);
          return y > 0 ? sieve(dy) : 0.25f * sieve(dy);
        });
  }
}

TEST_CASE("fill writes padding lanes too and nothing outside the view") {
  check_map(
      8,
      [](auto& s, auto, auto, auto y) {
        run(s, Fill{y, 2.5f});
      },
      [](float, float) { return 2.5f; }, false);
  Random r(9);
  CpuStream stream(1);
  for (int i = 0; i < 60; ++i) {
    Floats y(r, any_shape(r), family(r));
    run(stream, Fill{y.view(), 0.0f});
    CHECK(y.damage() == "");
    CHECK(mismatches(y.get(), Values(y.get().size(), 0.0), 0.0) == 0);
  }
}

TEST_CASE("reorder keeps every value between any two layouts and zeroes padding") {
  Random r(10);
  CpuStream stream(2);
  for (int i = 0; i < 400; ++i) {
    const Shape s = any_shape(r);
    const Values values = r.ties(s);
    Floats x = filled(r, s, static_cast<Family>(i % 3), values);
    Floats y(r, s, static_cast<Family>(i / 3 % 3));
    run(stream, Reorder{x.view(), y.view()});
    CHECK(mismatches(y.get(), values, 0.0) == 0);
    CHECK(y.damage() == "");
  }
}

TEST_CASE("reorder is its own inverse's adjoint") {
  Random r(11);
  CpuStream stream(2);
  const Shape s{2, 19, 5, 6};
  const Values x = r.values(s);
  const Values g = r.values(s);
  Floats a = filled(r, s, Family::kPlain, x);
  Floats b(r, s, Family::kBlocked);
  Floats c = filled(r, s, Family::kBlocked, g);
  Floats d(r, s, Family::kPlain);
  run(stream, Reorder{a.view(), b.view()});
  run(stream, Reorder{c.view(), d.view()});
  CHECK(dot(b.get(), g) == dot(x, d.get()));
}

TEST_CASE("dropout draws the same mask in every layout and keeps the mean") {
  Random r(12);
  CpuStream stream(2);
  const Shape s{2, 21, 13, 17};
  const Values x = r.values(s);
  const float rate = 0.3f;
  const Philox random{5, 6};
  Values want(x.size());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool keep = random.uniform(i) >= rate;
    kept += keep ? 1 : 0;
    want[i] = keep ? static_cast<double>(static_cast<float>(x[i]) * (1.0f / (1.0f - rate))) : 0.0;
  }
  // Five standard deviations of a binomial of 9,282 draws: 0.024.
  CHECK(std::fabs(static_cast<double>(kept) / static_cast<double>(x.size()) - 0.7) <= 0.024);
  for (const Family kind : {Family::kPlain, Family::kBlocked, Family::kChannelsLast}) {
    Floats in = filled(r, s, kind, x);
    Floats out(r, s, kind);
    run(stream, Dropout{in.view(), out.view(), rate, 5, 6});
    CHECK(mismatches(out.get(), want, 0.0) == 0);
    CHECK(out.damage() == "");
  }
}

TEST_CASE("elementwise kernels give the same bytes for any number of threads") {
  Random r(13);
  const Shape s{2, 37, 31, 29};
  for (const Family kind : {Family::kPlain, Family::kBlocked, Family::kChannelsLast}) {
    Floats x = filled(r, s, kind, r.values(s));
    Floats one(r, s, kind, false);
    Floats more(one);
    CpuStream alone(1);
    run(alone, Add{x.view(), x.view(), one.view(), 0.3f, 0.4f});
    for (const int threads : {2, 5}) {
      CpuStream stream(threads);
      run(stream, Add{x.view(), x.view(), more.view(), 0.3f, 0.4f});
      CHECK(std::memcmp(one.memory().data(), more.memory().data(), one.memory().size() * 4) == 0);
    }
  }
}
