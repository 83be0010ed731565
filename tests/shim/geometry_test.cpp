#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "kernels/conv_geometry.h"
#include "kernels/conv_weights.h"

namespace {

using namespace cutaway::kernels;
using cutaway::Shape;

TEST_CASE("Divider divides") {
  int wrong = 0;  // counted, not asserted one by one: a million assertions take seconds
  for (std::uint32_t d = 1; d <= 300; ++d) {
    const Divider divider(d);
    for (std::uint32_t n = 0; n <= 2000; ++n) {
      const std::uint32_t q = divider.quotient(n);
      wrong += q == n / d && divider.remainder(n, q) == n % d ? 0 : 1;
    }
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 200000; ++i) {
    const std::uint32_t d = static_cast<std::uint32_t>(random() >> (33 + random() % 31)) | 1u;
    const Divider divider(d);
    const std::uint32_t multiple = static_cast<std::uint32_t>(random() >> 33) / d * d;
    for (const std::uint32_t n : {static_cast<std::uint32_t>(random() >> 33), multiple,
                                  multiple == 0 ? 0 : multiple - 1, 0x7fffffffu}) {
      wrong += divider.quotient(n) == n / d ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("pixels and depth are numbered without gaps") {
  const Shape shape{3, 1, 5, 7};
  const PixelGrid grid(shape);
  std::uint32_t row = 0;
  for (std::int32_t n = 0; n < 3; ++n) {
    for (std::int32_t h = 0; h < 5; ++h) {
      for (std::int32_t w = 0; w < 7; ++w, ++row) {
        const Pixel p = grid.pixel(row);
        REQUIRE((p.n == n && p.h == h && p.w == w));
      }
    }
  }
  const DepthMap map(6, 3);
  std::uint32_t k = 0;
  for (std::int32_t u = 0; u < 2; ++u) {
    for (std::int32_t v = 0; v < 3; ++v) {
      for (std::int32_t c = 0; c < 6; ++c, ++k) {
        const Depth d = map.at(k);
        REQUIRE((d.u == u && d.v == v && d.c == c));
      }
    }
  }
}

TEST_CASE("an axis pairs positions and taps as the definition does, both ways") {
  int pairs = 0, wrong = 0;
  for (std::int64_t extent = 1; extent <= 9; ++extent) {
    for (std::int64_t kernel = 1; kernel <= 4; ++kernel) {
      for (std::int64_t stride = 1; stride <= 4; ++stride) {
        for (std::int64_t pad = 0; pad <= 3; ++pad) {
          for (std::int64_t dilation = 1; dilation <= 3; ++dilation) {
            const std::int64_t out = conv_extent(extent, kernel, stride, pad, dilation);
            const ConvAxis forward = ConvAxis::forward(stride, pad, dilation, extent);
            const ConvAxis backward = ConvAxis::backward(stride, pad, dilation, out);
            for (std::int64_t tap = 0; tap < kernel; ++tap) {
              const auto t = static_cast<std::int32_t>(tap);
              wrong += forward.source<false>(ConvAxis::kOutside, t) == -1 ? 0 : 1;
              wrong += backward.source<true>(ConvAxis::kOutside, t) == -1 ? 0 : 1;
              std::vector<std::int32_t> reads(static_cast<std::size_t>(extent), -1);
              for (std::int32_t y = 0; y < out; ++y) {
                const std::int64_t x = y * stride - pad + tap * dilation;
                const bool inside = x >= 0 && x < extent;
                const std::int32_t got = forward.source<false>(forward.origin(y), t);
                wrong += got == (inside ? x : -1) ? 0 : 1;
                if (inside) reads[static_cast<std::size_t>(x)] = y;
                ++pairs;
              }
              for (std::int32_t x = 0; x < extent; ++x) {
                const std::int32_t expected = reads[static_cast<std::size_t>(x)];
                wrong += backward.source<true>(backward.origin(x), t) == expected ? 0 : 1;
                if (stride > 1) continue;
                wrong += backward.source<false>(backward.origin(x), t) == expected ? 0 : 1;
              }
            }
          }
        }
      }
    }
  }
  CHECK(pairs > 1000);
  CHECK(wrong == 0);
}

TEST_CASE("the threads of a tile own every element once") {
  for (const int own : {4, 8}) {
    std::set<int> seen;
    for (int thread = 0; thread < 16; ++thread) {
      for (int i = 0; i < own; ++i) {
        const int e = tile_element(thread, 16, i);
        CHECK((e >= 0 && e < 16 * own));
        seen.insert(e);
        CHECK(tile_element(thread, 16, i / 4 * 4) + i % 4 == e);  // groups of four neighbours
      }
    }
    CHECK(static_cast<int>(seen.size()) == 16 * own);
  }
  CHECK(group_lanes(0, 3, 5, 16) == 5);
  CHECK(group_lanes(2, 3, 5, 16) == 6);
  CHECK(group_lanes(0, 1, 5, 8) == 8);
}

TEST_CASE("weights are rearranged without loss, padding is zero") {
  constexpr std::int64_t kOutputs = 5, kInputs = 3, kH = 2, kW = 4, kGroups = 2;
  std::vector<float> w(kGroups * kOutputs * kInputs * kH * kW);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i) + 1.0f;
  for (const bool backward : {false, true}) {
    WeightMatrix m{w.data(), nullptr, kOutputs, kInputs, kH, kW, kGroups, 8, backward};
    std::vector<float> packed(static_cast<std::size_t>(m.count()), -1.0f);
    m.m = packed.data();
    for (std::int64_t i = 0; i < m.count(); ++i) m(i);
    double sum = 0.0;
    for (const float v : packed) sum += static_cast<double>(v);
    const double n = static_cast<double>(w.size());
    CHECK(sum == n * (n + 1.0) / 2.0);
    // Group 1, tap (1, 2), output 4, input 1.
    const std::int64_t row = (1 * kW + 2) * (backward ? kOutputs : kInputs) + (backward ? 4 : 1);
    const std::int64_t at = (1 * m.depth() + row) * 8 + (backward ? 1 : 4);
    const std::int64_t from = (((kOutputs + 4) * kInputs + 1) * kH + 1) * kW + 2;
    CHECK(packed[static_cast<std::size_t>(at)] == w[static_cast<std::size_t>(from)]);
  }
  WeightsToKrsc to{w.data(), nullptr, kOutputs, kInputs, kH * kW, 8, 4};
  std::vector<float> krsc(static_cast<std::size_t>(to.count()), -1.0f);
  to.krsc = krsc.data();
  for (std::int64_t i = 0; i < to.count(); ++i) to(i);
  KrscToWeights back{krsc.data(), nullptr, kOutputs, kInputs, kH * kW, 4};
  std::vector<float> again(static_cast<std::size_t>(back.count()), -1.0f);
  back.w = again.data();
  for (std::int64_t i = 0; i < back.count(); ++i) back(i);
  for (std::size_t i = 0; i < again.size(); ++i) REQUIRE(again[i] == w[i]);
  double sum = 0.0, expected = 0.0;
  for (const float v : krsc) sum += static_cast<double>(v);
  for (const float v : again) expected += static_cast<double>(v);
  CHECK(sum == expected);
}

}  // namespace
