#include "explain/evaluate/continuity.h"

#include "runtime/error.h"
#include "tests/explain/compare_support.h"
#include "tests/explain/small_net.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tests;

namespace {

/// max(x1, x2) of two positive pixels, as (relu(x1 - x2) + relu(x2 - x1) + relu(x1 + x2)) / 2
/// (Montavon et al. 2018, figure 9).
Model maximum_net() {
  Graph g({1, 1, 1, 2});
  kernels::ConvGeometry pair;
  pair.kernel_w = 2;
  g.add("hidden", std::make_shared<Conv>(3, pair));
  g.add("relu", std::make_shared<Relu>());
  g.add("out", std::make_shared<Dense>(1));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  const float hidden[] = {1, -1, -1, 1, 1, 1}, out[] = {.5f, .5f, .5f};
  std::ranges::copy(hidden, m.parameters.of(m.graph.find("hidden"))[0].f32().begin());
  std::ranges::copy(out, m.parameters.of(m.graph.find("out"))[0].f32().begin());
  return m;
}

}  // namespace

TEST_CASE("evaluate: continuity on the maximum of two numbers") {
  const Model m = maximum_net();
  struct Case {
    const char* method;
    Attributes options;
    double want[3];  // at t = 0.1, 0.01, 0.001
  };
  // Between (1+t, 1-t) and (1-t, 1+t), which are sqrt(8) t apart; worked out by hand. The gradient
  // turns from (1, 0) to (0, 1): 2 / (sqrt(8) t). Gradient x input: 2 (1 + t) / (sqrt(8) t). LRP
  // with z+: ((2 x1 - x2) / 2, x2 / 2) becomes (x1 / 2, (2 x2 - x1) / 2): a change of 4 t, sqrt(2)
  // always.
  const Case cases[] = {
      {"saliency", {}, {7.0711, 70.711, 707.11}},
      {"gradient_x_input", {}, {7.7782, 71.418, 707.81}},
      {"lrp", {{"composite", std::string("zplus")}}, {1.41421, 1.41421, 1.41421}}};
  for (const Case& c : cases) {
    const Explainer explainer = make_explainer(m, c.method, c.options, CpuStream(1), {});
    std::size_t k = 0;
    for (const float t : {0.1f, 0.01f, 0.001f}) {
      CAPTURE(c.method);
      CAPTURE(t);
      const Tensor pictures =
          tensor_of({2, 1, 1, 2}, std::vector<float>{1 + t, 1 - t, 1 - t, 1 + t});
      const ContinuityResult r = measure_continuity(explainer, pictures, 0, Pairing::kConsecutive);
      // Pixels in float32: t is known to 1e-7 of 1.
      CHECK(close(r.raw.maximum, c.want[k], 3e-4));
      CHECK(r.raw.pairs == 1);
      CHECK(r.raw.mean == r.raw.maximum);
      ++k;
    }
  }
}

TEST_CASE("evaluate: continuity of pairs equals a plain loop") {
  const Tensor x = random_tensor({6, 2, 3, 4}, 1), maps = random_tensor({6, 1, 3, 4}, 2);
  std::vector<ContinuityPair> pairs;
  std::vector<double> raw, normalized;
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = i + 1; j < 6; ++j) {
      pairs.push_back({maps.f32().subspan(12 * i, 12), maps.f32().subspan(12 * j, 12),
                       x.f32().subspan(24 * i, 24), x.f32().subspan(24 * j, 24)});
      double change = 0, relative = 0, square = 0, si = 0, sj = 0;
      for (std::size_t p = 0; p < 12; ++p) {
        si += static_cast<double>(maps.f32()[12 * i + p]);
        sj += static_cast<double>(maps.f32()[12 * j + p]);
      }
      for (std::size_t p = 0; p < 12; ++p) {
        const auto a = static_cast<double>(maps.f32()[12 * i + p]);
        const auto b = static_cast<double>(maps.f32()[12 * j + p]);
        change += std::fabs(a - b);
        relative += std::fabs(a / si - b / sj);
      }
      for (std::size_t p = 0; p < 24; ++p) {
        const double d =
            static_cast<double>(x.f32()[24 * i + p]) - static_cast<double>(x.f32()[24 * j + p]);
        square += d * d;
      }
      raw.push_back(change / std::sqrt(square));
      normalized.push_back(relative / std::sqrt(square));
    }
  }
  for (const bool scaled : {false, true}) {
    auto& want = scaled ? normalized : raw;
    std::ranges::sort(want);
    double mean = 0;
    for (const double v : want) mean += v / 15;
    const Continuity got = continuity(pairs, scaled);
    CHECK(got.pairs == 15);
    CHECK(close(got.maximum, want[14]));
    CHECK(close(got.mean, mean));
    CHECK(close(got.quantile95, want[13] + 0.3 * (want[14] - want[13])));  // position 13.3
  }
  // Equal pictures say nothing.
  pairs = {{maps.f32().first(12), maps.f32().last(12), x.f32().first(24), x.f32().first(24)}};
  CHECK(std::isnan(continuity(pairs, false).maximum));
  CHECK(continuity(pairs, false).pairs == 0);
}

TEST_CASE("evaluate: sequences of pictures") {
  const Tensor x = tensor_of({1, 2, 1, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  const std::vector<float> fill{-1, -2};
  const Tensor moved = translation_sequence(x, -1, 2, fill);
  const std::vector<float> want{2,  3, -1, 5,  6, -2, 1,  2,  3, 4,  5,  6,
                                -1, 1, 2,  -2, 4, 5,  -1, -1, 1, -2, -2, 4};
  CHECK(std::ranges::equal(moved.f32(), want));
  CHECK_THROWS_AS((void)translation_sequence(x, 2, 1, fill), Error);
  const PixelSpace pixels{{0, 0}, {1, 10}};
  const Tensor noisy = jitters(random_tensor({1, 2, 30, 30}, 1), 3, 0.1, pixels, 5);
  CHECK(noisy.shape().n == 4);
  double square[2] = {0, 0};
  for (std::size_t i = 0; i < 1800; ++i) {
    const double d =
        static_cast<double>(noisy.f32()[1800 + i]) - static_cast<double>(noisy.f32()[i]);
    square[i / 900] += d * d / 900;
  }
  CHECK(std::fabs(std::sqrt(square[0]) - 0.1) < 0.012);  // five standard errors of 900 draws
  CHECK(std::fabs(std::sqrt(square[1]) - 1.0) < 0.12);
}

TEST_CASE("evaluate: continuity does not depend on the batch") {
  const Model m = small_net(3);
  const Explainer explainer = make_explainer(m, "gradient_x_input", {}, CpuStream(2), {});
  const std::vector<float> fill{0, 0, 0};
  const Tensor frames = translation_sequence(random_tensor({1, 3, 24, 24}, 4), -2, 2, fill);
  const auto a = measure_continuity(explainer, frames, 1, Pairing::kConsecutive, 2);
  const auto b = measure_continuity(explainer, frames, 1, Pairing::kConsecutive, 5);
  CHECK(a.raw.pairs == 4);
  CHECK(close(a.raw.maximum, b.raw.maximum, 1e-4));
  CHECK(measure_continuity(explainer, frames, 1, Pairing::kAll).raw.pairs == 10);
  CHECK(measure_continuity(explainer, frames, 1, Pairing::kWithFirst).raw.pairs == 4);
}
