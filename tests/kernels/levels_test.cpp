#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/pattern_graph.h"
#include "kernels/transpose.h"
#include "kernels/vector_sums.h"
#include "tests/kernels/conv_fixture.h"

// The kernels of every level of the instruction set that this processor runs, against those of the
// lowest. All other kernels: parity --against-level.
using namespace cutaway::kernels;
using cutaway::AtLevel;
using cutaway::CpuLevel;
using cutaway::CpuStream;

namespace {

// Sums of the same terms in the same order, but products and sums rounded at once or apart, and in
// gemm_dot as many partial sums as a vector has lanes: each of up to 1,000 terms adds half an ulp
// of the sum so far at most, by chance far less. The engines are held to 1e-5 of a sum in double.
constexpr double kRounding = 2e-6;

std::vector<CpuLevel> levels() {
  std::vector<CpuLevel> all;
  for (int i = 0; i <= static_cast<int>(cutaway::best_cpu_level()); ++i)
    all.push_back(CpuLevel{static_cast<std::uint8_t>(i)});
  return all;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double error = 0.0, scale = 0.0;
  std::size_t odd = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    odd += std::isfinite(a[i]) ? 0U : 1U;
    error = std::max(error, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    scale = std::max(scale, std::abs(static_cast<double>(b[i])));
  }
  REQUIRE(odd == 0);
  REQUIRE(scale > 0.0);
  return error / scale;
}

template <class T>
bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return !a.empty() && a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

conv_test::Case conv_case(std::int64_t c,
                          std::int64_t k,
                          std::int32_t kernel,
                          std::int32_t stride) {
  conv_test::Case one;
  one.x = {2, c, 17, 13};
  one.k = k;
  one.g.kernel_h = one.g.kernel_w = kernel;
  one.g.stride_h = one.g.stride_w = stride;
  one.g.pad_h = one.g.pad_w = kernel / 2;
  one.bias = one.relu = true;
  return one;
}

}  // namespace

TEST_CASE("levels: convolutions differ by rounding only") {
  for (const char* engine : {"winograd", "direct", "reordered", "reference"}) {
    for (const ConvPass pass :
         {ConvPass::kForward, ConvPass::kBackwardData, ConvPass::kBackwardWeights}) {
      for (conv_test::Case one : {conv_case(37, 70, 3, 1), conv_case(16, 33, 5, 1),
                                  conv_case(40, 17, 1, 1), conv_case(20, 48, 3, 2)}) {
        const std::string name(engine);
        const bool winograd = name == "winograd";
        if (winograd &&
            (pass == ConvPass::kBackwardWeights || one.g.stride_h != 1 || one.g.kernel_h == 1))
          continue;
        if (name == "reordered") one.x_layout = one.y_layout = cutaway::kPlain;
        INFO(name, ", pass ", static_cast<int>(pass), ", ", one.text());
        const conv_test::Data data(one);
        std::vector<float> expected;
        for (const CpuLevel level : levels()) {
          ConvProblem problem = one.problem(pass, 2);
          problem.level = level;
          EngineOptions options;
          options.force = "conv:" + name;
          const auto primitive = make_conv(cutaway::kCpuDevice, problem, options);
          const std::vector<float> got = conv_test::run_case(*primitive, one, pass, data, 2).values;
          if (level == CpuLevel::kBaseline) expected = got;
          INFO("level ", std::string(cutaway::name_of(level)));
          // Winograd's transforms make numbers up to 10 times as large as the result; reordered
          // convolutions are made of it where it takes them.
          const bool transforms = winograd || name == "reordered";
          CHECK(difference(got, expected) <= (transforms ? 10 * kRounding : kRounding));
          if (name == "reference") CHECK(same_bytes(got, expected));  // sums in double, one by one
        }
      }
    }
  }
}

TEST_CASE("levels: matrix products differ by rounding only") {
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      for (const std::int64_t m : {1, 5, 50}) {
        Gemm g;
        g.transpose_a = transpose_a;
        g.transpose_b = transpose_b;
        g.m = m;
        g.n = 77;
        g.k = 301;
        g.lda = transpose_a ? g.m : g.k;
        g.ldb = transpose_b ? g.k : g.n;
        g.ldc = g.n;
        const std::vector<float> a = conv_test::random_values(g.m * g.k, 1);
        const std::vector<float> b = conv_test::random_values(g.n * g.k, 2);
        std::vector<float> expected;
        for (const CpuLevel level : levels()) {
          std::vector<float> c(static_cast<std::size_t>(g.m * g.n));
          g.a = a.data();
          g.b = b.data();
          g.c = c.data();
          CpuStream stream(2, level);
          run(stream, g);
          if (level == CpuLevel::kBaseline) expected = c;
          CAPTURE(transpose_a);
          CAPTURE(transpose_b);
          CAPTURE(m);
          CHECK(difference(c, expected) <= kRounding);
        }
      }
    }
  }
}

TEST_CASE("levels: sums over arrays are the same bytes") {
  for (const std::int64_t count : {1, 7, 31, 32, 33, 500}) {
    const std::vector<float> x = conv_test::random_values(count, 5);
    const std::vector<double> wide(x.begin(), x.end());
    const auto size = static_cast<std::size_t>(count);
    std::vector<double> expected;
    for (const CpuLevel level : levels()) {
      std::vector<float> narrow(size, 0.25f);
      std::vector<double> got(4 * size + 2, 0.5);
      cutaway::at_level(level, [&](auto at) {
        add_scaled(at, std::span<const float>(x), 0.3f, narrow.data());
        add_scaled(at, std::span<const float>(x), 0.3, got.data());
        add_scaled(at, std::span<const double>(wide), 0.7, got.data() + size);
        add_moments(at, std::span<const float>(x), 0.9, got.data() + 2 * size,
                    got.data() + 3 * size);
        add_deviations(at, x, 0.125, got[4 * size], got[4 * size + 1]);
      });
      got.insert(got.end(), narrow.begin(), narrow.end());
      if (level == CpuLevel::kBaseline) {
        expected = got;
        for (std::size_t i = 0; i < size; ++i) {
          const double v = wide[i];
          CHECK(got[i] == 0.5 + 0.3 * v);
          CHECK(got[size + i] == 0.5 + 0.7 * v);
          CHECK(got[2 * size + i] == 0.5 + 0.9 * v);
          CHECK(got[3 * size + i] == 0.5 + 0.9 * v * v);
          CHECK(narrow[i] == 0.25f + 0.3f * x[i]);
        }
      }
      CAPTURE(count);
      CHECK(same_bytes(got, expected));
    }
  }
}

TEST_CASE("levels: halves are the same bytes") {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  std::vector<float> expected;
  std::vector<std::uint16_t> expected_back;
  for (const CpuLevel level : levels()) {
    std::vector<float> floats(all.size());
    std::vector<std::uint16_t> back(all.size());
    cutaway::at_level(level, [&](auto at) {
      halves_to_floats(at, all.data(), floats.data(), 65536);
      for (float& f : floats) f = std::isnan(f) ? 0.0f : f;  // NaN has many bit patterns
      floats_to_halves(at, floats.data(), back.data(), 65536);
    });
    if (level == CpuLevel::kBaseline) {
      expected = floats;
      expected_back = back;
    }
    CHECK(same_bytes(floats, expected));
    CHECK(same_bytes(back, expected_back));
  }
}

TEST_CASE("levels: squares are transposed") {
  constexpr std::int64_t kLines = 64, kRows = 48, kFromLine = 55, kToRow = 80;
  const std::vector<float> from = conv_test::random_values(kLines * kFromLine, 3);
  for (const CpuLevel level : levels()) {
    std::vector<float> memory(kRows * kToRow + 16, -7.0f);
    float* to = memory.data();
    while (reinterpret_cast<std::uintptr_t>(to) % 64 != 0) ++to;
    cutaway::at_level(level, [&](auto at) {
      transpose_squares(at, from.data(), kFromLine, kLines, kRows, to, kToRow);
    });
    std::int64_t wrong = 0;
    for (std::int64_t r = 0; r < kRows; ++r) {
      for (std::int64_t l = 0; l < kToRow; ++l) {
        const float wanted = l < kLines ? from[static_cast<std::size_t>(l * kFromLine + r)] : -7.0f;
        wrong += to[r * kToRow + l] == wanted ? 0 : 1;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("levels: the explanatory graph's predictions differ by rounding only") {
  PatternPredict k;
  k.filters = 3;
  k.nodes = 5;
  k.images = 21;
  k.stride = 24;
  k.parents = 4;
  k.penalty = 0.5f;
  constexpr std::int64_t kCount = 15, kAbove = 9;
  std::vector<std::int32_t> edges;
  for (std::int32_t i = 0; i < kCount * 4; ++i)
    edges.push_back(static_cast<std::int32_t>(i * 7 % kAbove));
  const auto positive = [](std::int64_t count, std::uint32_t seed) {
    std::vector<float> values = conv_test::random_values(count, seed);
    for (float& v : values) v = 0.6f + 0.4f * v;
    return values;
  };
  const std::vector<float> weight = positive(kCount * 4, 1), variance = positive(kCount, 2),
                           log_scale = conv_test::random_values(kCount, 3),
                           parent_h = conv_test::random_values(kAbove * k.stride, 4),
                           parent_w = conv_test::random_values(kAbove * k.stride, 5);
  const std::vector<double> mass(kCount, 0.75);
  k.edges = edges.data();
  k.weight = weight.data();
  k.variance = variance.data();
  k.log_scale = log_scale.data();
  k.mass = mass.data();
  k.parent_h = parent_h.data();
  k.parent_w = parent_w.data();
  std::vector<float> expected;
  for (const CpuLevel level : levels()) {
    const auto rows = static_cast<std::size_t>(kCount * k.stride);
    std::vector<float> got(3 * rows);
    std::vector<double> noise(static_cast<std::size_t>(k.filters * k.stride));
    k.shift_h = got.data();
    k.shift_w = got.data() + rows;
    k.strength = got.data() + 2 * rows;
    k.noise = noise.data();
    CpuStream stream(2, level);
    run(stream, k);
    got.insert(got.end(), noise.begin(), noise.end());
    if (level == CpuLevel::kBaseline) expected = got;
    CHECK(difference(got, expected) <= kRounding);
  }
}
