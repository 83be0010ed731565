#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/elementwise.h"
#include "tests/kernels/support.h"

using namespace cutaway;
using namespace cutaway::kernels;
using namespace cutaway::test;

namespace {

template <class Kernel, class F>
void check_map(std::uint64_t seed, Kernel kernel, F f) {
  Random r(seed);
  CpuStream stream(2);
  for (int i = 0; i < 100; ++i) {
    const Shape s{r.between(1, 3), r.between(1, 40), r.between(1, 7), r.between(1, 9)};
    const Family kind = family(r);
    const Values a = i % 2 == 0 ? r.values(s) : r.ties(s);
    const Values b = i % 2 == 0 ? r.values(s) : r.ties(s);
    Floats x0 = filled(r, s, kind, a);
    Floats x1 = filled(r, s, kind, b);
    Floats y = filled(r, s, kind, b);
    kernel(stream, x0.view(), x1.view(), y.view());
    Values want(a.size());
    for (std::size_t j = 0; j < a.size(); ++j) {
      want[j] = static_cast<double>(f(static_cast<float>(a[j]), static_cast<float>(b[j])));
    }
    CHECK(mismatches(y.get(), want, 0.0) == 0);  // the same float arithmetic
    CHECK(y.damage() == "");
  }
}

}  // namespace

TEST_CASE("scale by sign, multiply and add") {
  check_map(
      1,
      [](auto& s, auto x0, auto, auto y) {
        run(s, ScaleBySign{x0, y, 1.25f, -0.5f});
      },
      [](float x, float) { return x * (x > 0.0f ? 1.25f : -0.5f); });
  check_map(
      2,
      [](auto& s, auto x0, auto x1, auto y) {
        run(s, MultiplyAdd{x0, x1, y, -2.0f, false});
      },
      [](float x, float y) { return -2.0f * x * y; });
  check_map(  // y holds x1
      3,
      [](auto& s, auto x0, auto x1, auto y) {
        run(s, MultiplyAdd{x0, x1, y, 0.5f, true});
      },
      [](float x, float y) { return y + 0.5f * x * y; });
}

TEST_CASE("relevance quotient: sign(0) = 1, no relevance stays none, NaN stays NaN") {
  check_map(
      4,
      [](auto& s, auto z, auto r, auto y) {
        run(s, RelevanceQuotient{z, r, y, 0.25f});
      },
      [](float z, float r) { return r == 0.0f ? 0.0f : r / (z < 0.0f ? z - 0.25f : z + 0.25f); });
  const float square = 4.0f;  // epsilon 0.25 + 0.5 * 2
  check_map(
      5,
      [&](auto& s, auto z, auto r, auto y) {
        run(s, RelevanceQuotient{z, r, y, 0.25f, 0.5f, &square});
      },
      [](float z, float r) { return r == 0.0f ? 0.0f : r / (z < 0.0f ? z - 1.25f : z + 1.25f); });
  const float nan = std::numeric_limits<float>::quiet_NaN();
  float z[] = {0, 0, nan, 1}, r[] = {0, 1, 1, nan}, out[4];
  CpuStream stream(1);
  const Shape four{1, 1, 1, 4};
  run(stream, RelevanceQuotient{dense_view<const float>(z, four, kPlain),
                                dense_view<const float>(r, four, kPlain),
                                dense_view(out, four, kPlain), 0.0f});
  CHECK(out[0] == 0.0f);
  CHECK(std::isinf(out[1]));
  CHECK(std::isnan(out[2]));
  CHECK(std::isnan(out[3]));
}

TEST_CASE("ReLU rescue: only images without any signal are helped") {
  Random random(6);
  CpuStream stream(2);
  for (int i = 0; i < 50; ++i) {
    const Shape s{3, random.between(1, 40), random.between(1, 7), random.between(1, 9)};
    const Family kind = family(random);
    const Values y = random.ties(s), dy = random.values(s);
    Floats vy = filled(random, s, kind, y), vdy = filled(random, s, kind, dy), dx(random, s, kind);
    const float most[] = {0.0f, 0.5f, 0.0f};
    run(stream, ReluRescue{vy.view(), vdy.view(), most, dx.view()});
    Values want(y.size());
    const auto image = static_cast<std::size_t>(s.c * s.plane());
    for (std::size_t j = 0; j < y.size(); ++j) {
      const bool dead = j / image != 1;
      want[j] = (dead ? dy[j] : y[j]) > 0.0 ? dy[j] : 0.0;
    }
    CHECK(mismatches(dx.get(), want, 0.0) == 0);
    CHECK(dx.damage() == "");
  }
}
