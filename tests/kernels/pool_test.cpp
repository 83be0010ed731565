#include "kernels/pool.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/kernels/support.h"

using namespace cutaway;
using namespace cutaway::kernels;
using namespace cutaway::test;

namespace {

struct Case {
  PoolGeometry g;
  Shape x, y;
};

std::int32_t small(Random& r, int low, int high) {
  return static_cast<std::int32_t>(r.between(low, high));
}

/// A random window over a random image; pads stay below the window, as layers demand.
Case any_case(Random& r) {
  for (;;) {
    Case c;
    c.g = {small(r, 1, 4), small(r, 1, 5), small(r, 1, 4), small(r, 1, 4), 0, 0};
    c.g.pad_h = small(r, 0, c.g.kernel_h - 1);
    c.g.pad_w = small(r, 0, c.g.kernel_w - 1);
    c.x = {r.between(1, 2), r.between(1, 35), r.between(1, 9), r.between(1, 10)};
    const bool ceil_mode = r.chance(0.5);
    c.y = c.x;
    c.y.h = pooled_extent(c.x.h, c.g.kernel_h, c.g.stride_h, c.g.pad_h, ceil_mode);
    c.y.w = pooled_extent(c.x.w, c.g.kernel_w, c.g.stride_w, c.g.pad_w, ceil_mode);
    if (c.y.h > 0 && c.y.w > 0) return c;
  }
}

/// Calls f(y index, x index, tap) for every pixel of every clipped window, in row-major order.
template <class F>
void each_tap(const Case& k, F f) {
  const PoolGeometry& g = k.g;
  for (std::int64_t n = 0; n < k.y.n; ++n) {
    for (std::int64_t c = 0; c < k.y.c; ++c) {
      for (std::int64_t i = 0; i < k.y.h * k.y.w; ++i) {
        const std::int64_t oh = i / k.y.w;
        const std::int64_t ow = i % k.y.w;
        for (std::int64_t t = 0; t < std::int64_t{g.kernel_h} * g.kernel_w; ++t) {
          const std::int64_t h = oh * g.stride_h - g.pad_h + t / g.kernel_w;
          const std::int64_t w = ow * g.stride_w - g.pad_w + t % g.kernel_w;
          if (h < 0 || w < 0 || h >= k.x.h || w >= k.x.w) continue;
          f(index_of(k.y, n, c, oh, ow), index_of(k.x, n, c, h, w), t);
        }
      }
    }
  }
}

/// The maximum of every window, the tap that holds it, and the pixel.
struct Maxima {
  Values value, tap;
  std::vector<std::size_t> pixel;
};
Maxima maxima_of(const Case& k, const Values& x) {
  const auto count = static_cast<std::size_t>(k.y.count());
  Maxima m{Values(count), Values(count, -1.0), std::vector<std::size_t>(count)};
  each_tap(k, [&](std::size_t o, std::size_t p, std::int64_t tap) {
    const bool first = m.tap[o] < 0.0;
    const bool nan_wins = std::isnan(x[p]) && !std::isnan(m.value[o]);
    if (!first && !nan_wins && !(x[p] > m.value[o])) return;
    m.value[o] = x[p];
    m.tap[o] = static_cast<double>(tap);
    m.pixel[o] = p;
  });
  return m;
}

/// The area a window counts: clipped to the image or, with `count_padding`, to the padded image.
Values divisors_of(const Case& k, bool count_padding) {
  Values d(static_cast<std::size_t>(k.y.count()));
  const auto along = [&](std::int64_t i, int kernel, int stride, int pad, std::int64_t extent) {
    const std::int64_t low = count_padding ? -pad : 0;
    const std::int64_t high = count_padding ? extent + pad : extent;
    const std::int64_t start = i * stride - pad;
    return std::min(start + kernel, high) - std::max(start, low);
  };
  for (std::size_t i = 0; i < d.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const PoolGeometry& g = k.g;
    d[i] = static_cast<double>(along(at / k.y.w % k.y.h, g.kernel_h, g.stride_h, g.pad_h, k.x.h) *
                               along(at % k.y.w, g.kernel_w, g.stride_w, g.pad_w, k.x.w));
  }
  return d;
}

}  // namespace

TEST_CASE("pooled extents of the published networks") {
  const auto pooled = [](std::int64_t extent, std::int64_t kernel, std::int64_t stride,
                         std::int64_t pad, bool ceil_mode) {
    return pooled_extent(extent, kernel, stride, pad, ceil_mode);
  };
  CHECK(pooled(112, 3, 2, 0, true) == 56);
  CHECK(pooled(56, 3, 2, 0, true) == 28);
  CHECK(pooled(28, 3, 2, 0, true) == 14);
  CHECK(pooled(14, 3, 2, 0, true) == 7);
  CHECK(pooled(110, 3, 2, 0, true) == 55);
  CHECK(pooled(26, 3, 2, 0, true) == 13);
  CHECK(pooled(28, 3, 1, 1, true) == 28);
  CHECK(pooled(112, 3, 2, 1, true) == 57);
  CHECK(pooled(112, 3, 2, 0, false) == 55);
  CHECK(pooled(2, 3, 1, 0, true) == 0);
}

TEST_CASE("max pooling: values and switches on random geometries with ties and NaN") {
  Random r(21);
  CpuStream stream(2);
  for (int i = 0; i < 1500; ++i) {
    const Case k = any_case(r);
    const Family kind = family(r);
    const Values values =
        i % 5 == 0 ? Values(static_cast<std::size_t>(k.x.count()), -kInf) : r.ties(k.x);
    Floats x = filled(r, k.x, kind, values);
    Floats y(r, k.y, kind);
    Blob<std::uint8_t> pick(r, k.y, kind);
    run(stream, MaxPool{x.view(), y.view(), pick.view(), k.g});
    const Maxima want = maxima_of(k, values);
    CHECK(mismatches(y.get(), want.value, 0.0) == 0);
    CHECK(mismatches(pick.get(), want.tap, 0.0) == 0);
    CHECK(y.damage() == "");
    Floats alone(r, k.y, kind);
    run(stream, MaxPool{x.view(), alone.view(), {}, k.g});
    CHECK(mismatches(alone.get(), want.value, 0.0) == 0);
    CHECK(alone.damage() == "");
  }
}

TEST_CASE("unpooling is scatter, on random geometries with ties and NaN") {
  Random r(22);
  CpuStream stream(2);
  for (int i = 0; i < 3200; ++i) {
    const Case k = any_case(r);
    const Family kind = family(r);
    const Values values = r.ties(k.x);
    const Values seeds = i % 3 == 0 ? r.ties(k.y) : r.values(k.y);
    const Maxima maxima = maxima_of(k, values);
    Floats dy = filled(r, k.y, kind, seeds);
    Blob<std::uint8_t> pick(r, k.y, kind);
    pick.set(maxima.tap);
    Floats dx(r, k.x, kind);
    const Overlap overlap = i % 4 == 0 ? Overlap::kOverwrite : Overlap::kAdd;
    run(stream, MaxUnpool{dy.view(), pick.view(), dx.view(), k.g, overlap});
    // In float and in window order: the same roundings, so no tolerance.
    std::vector<float> scattered(static_cast<std::size_t>(k.x.count()), 0.0f);
    for (std::size_t o = 0; o < seeds.size(); ++o) {
      float& at = scattered[maxima.pixel[o]];
      at = overlap == Overlap::kAdd ? at + static_cast<float>(seeds[o])
                                    : static_cast<float>(seeds[o]);
    }
    CHECK(mismatches(dx.get(), Values(scattered.begin(), scattered.end()), 0.0) == 0);
    CHECK(dx.damage() == "");
  }
}

TEST_CASE("ties and overlap with known answers") {
  Random r(23);
  CpuStream stream(1);
  const auto pick_of = [&](const Values& window) {
    Floats x = filled(r, {1, 1, 2, 2}, Family::kPlain, window);
    Floats y(r, {1, 1, 1, 1}, Family::kPlain);
    Blob<std::uint8_t> pick(r, {1, 1, 1, 1}, Family::kPlain);
    run(stream, MaxPool{x.view(), y.view(), pick.view(), {2, 2, 2, 2, 0, 0}});
    return pick.get().at(0);
  };
  CHECK(pick_of({0, 0, 3, 3}) == 2);
  CHECK(pick_of({0, 0, 0, 0}) == 0);
  CHECK(pick_of({1, kNaN, 5, kNaN}) == 1);
  CHECK(pick_of({-kInf, -kInf, -kInf, -kInf}) == 0);

  Floats x = filled(r, {1, 1, 1, 5}, Family::kPlain, {0, 0, 9, 0, 0});
  Floats y(r, {1, 1, 1, 2}, Family::kPlain);
  Blob<std::uint8_t> pick(r, {1, 1, 1, 2}, Family::kPlain);
  const PoolGeometry g{1, 3, 1, 2, 0, 0};
  run(stream, MaxPool{x.view(), y.view(), pick.view(), g});
  CHECK(y.get() == Values{9, 9});
  CHECK(pick.get() == Values{2, 0});  // both pixel 2
  Floats seeds = filled(r, {1, 1, 1, 2}, Family::kPlain, {3, 4});
  run(stream, MaxUnpool{seeds.view(), pick.view(), x.view(), g});
  CHECK(x.get() == Values{0, 0, 7, 0, 0});
  run(stream, MaxUnpool{seeds.view(), pick.view(), x.view(), g, Overlap::kOverwrite});
  CHECK(x.get() == Values{0, 0, 4, 0, 0});
}

TEST_CASE("average pooling and its adjoint on random geometries") {
  Random r(24);
  CpuStream stream(2);
  for (int i = 0; i < 800; ++i) {
    const Case k = any_case(r);
    const Family kind = family(r);
    const bool count_padding = r.chance(0.5);
    const Values values = r.values(k.x);
    const Values seeds = r.values(k.y);
    const Values divisors = divisors_of(k, count_padding);
    Values want(seeds.size(), 0.0);
    Values want_back(values.size(), 0.0);
    each_tap(k, [&](std::size_t o, std::size_t p, std::int64_t) {
      want[o] += values[p] / divisors[o];
      want_back[p] += seeds[o] / divisors[o];
    });
    Floats x = filled(r, k.x, kind, values);
    Floats y(r, k.y, kind);
    Floats dy = filled(r, k.y, kind, seeds);
    Floats dx(r, k.x, kind);
    run(stream, AveragePool{x.view(), y.view(), k.g, count_padding});
    run(stream, AveragePoolBackward{dy.view(), dx.view(), k.g, count_padding});
    // Windows of at most 20 terms of size about 1: a few float roundings.
    CHECK(mismatches(y.get(), want, 2e-6) == 0);
    CHECK(mismatches(dx.get(), want_back, 2e-6) == 0);
    CHECK(adjoint_error(y.get(), seeds, values, dx.get()) <= 1e-6);
    CHECK((y.damage() + dx.damage()) == "");
  }
}

TEST_CASE("global pools and their adjoints") {
  Random r(25);
  CpuStream stream(2);
  for (int i = 0; i < 300; ++i) {
    const Shape s{r.between(1, 3), r.between(1, 40), r.between(1, 9), r.between(1, 9)};
    const Shape one{s.n, s.c, 1, 1};
    const Family kind = family(r);
    const Values values = r.values(s);
    const Values odd = r.ties(s);
    const Values seeds = r.values(one);
    const auto area = static_cast<std::size_t>(s.plane());
    Values mean(seeds.size(), 0.0), spread(values.size()), top(seeds.size()), where(seeds.size());
    Values back(values.size(), 0.0);
    for (std::size_t j = 0; j < seeds.size(); ++j) {
      std::size_t best = j * area;
      for (std::size_t p = j * area; p < (j + 1) * area; ++p) {
        mean[j] += values[p] / static_cast<double>(area);
        spread[p] = seeds[j] / static_cast<double>(area);
        if (!std::isnan(odd[best]) && (std::isnan(odd[p]) || odd[p] > odd[best])) best = p;
      }
      top[j] = odd[best];
      where[j] = static_cast<double>(best - j * area);
      back[best] = seeds[j];
    }
    Floats x = filled(r, s, kind, values);
    Floats m = filled(r, s, kind, odd);
    Floats dy = filled(r, one, kind, seeds);
    Floats y(r, one, kind), y_max(r, one, kind), dx(r, s, kind), dx_max(r, s, kind);
    Blob<std::int32_t> pick(r, one, kind);
    run(stream, GlobalAveragePool{x.view(), y.view()});
    run(stream, GlobalAveragePoolBackward{dy.view(), dx.view()});
    run(stream, GlobalMaxPool{m.view(), y_max.view(), pick.view()});
    run(stream, GlobalMaxPoolBackward{dy.view(), pick.view(), dx_max.view()});
    // Sums in double: one rounding to float.
    CHECK(mismatches(y.get(), mean, 1e-7) == 0);
    CHECK(mismatches(dx.get(), spread, 1e-7) == 0);
    CHECK(mismatches(y_max.get(), top, 0.0) == 0);
    CHECK(mismatches(pick.get(), where, 0.0) == 0);
    CHECK(mismatches(dx_max.get(), back, 0.0) == 0);
    CHECK(adjoint_error(y.get(), seeds, values, dx.get()) <= 1e-6);
    CHECK((y.damage() + dx.damage() + y_max.damage() + dx_max.damage()) == "");
  }
}

TEST_CASE("pools give the same bytes for any number of threads") {
  Random r(26);
  const Shape s{2, 37, 30, 31};
  const PoolGeometry g{3, 3, 2, 2, 1, 0};
  const Shape small{2, 37, pooled_extent(30, 3, 2, 1, true), pooled_extent(31, 3, 2, 0, true)};
  for (const Family kind : {Family::kPlain, Family::kBlocked, Family::kChannelsLast}) {
    Floats x = filled(r, s, kind, r.values(s));
    Floats y(r, small, kind, false), dx(r, s, kind, false), mean(r, {2, 37, 1, 1}, kind, false);
    Blob<std::uint8_t> pick(r, small, kind, false);
    std::vector<float> first;
    for (const int threads : {1, 2, 5}) {
      CpuStream stream(threads);
      run(stream, MaxPool{x.view(), y.view(), pick.view(), g});
      run(stream, MaxUnpool{y.view(), pick.view(), dx.view(), g});
      run(stream, AveragePool{dx.view(), y.view(), g});
      run(stream, GlobalAveragePool{x.view(), mean.view()});
      std::vector<float> all = y.memory();
      all.insert(all.end(), dx.memory().begin(), dx.memory().end());
      all.insert(all.end(), mean.memory().begin(), mean.memory().end());
      if (first.empty()) first = all;
      CHECK(std::memcmp(first.data(), all.data(), all.size() * sizeof(float)) == 0);
    }
  }
}
