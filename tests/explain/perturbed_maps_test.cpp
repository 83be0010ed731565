// Score-CAM and Ablation-CAM on a net small enough to work out: absolute values, not shapes.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/session.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

using Floats = std::vector<float>;

/// Two maps of a 2x2 picture, A^0 = x and A^1 = -2 x; the scores are `rows` times their means.
Model net(const Floats& rows) {
  Graph g({1, 1, 2, 2});
  g.add("conv", std::make_shared<Conv>(2, kernels::ConvGeometry{}, false));
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(2));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  const auto conv = m.parameters.of(m.graph.find("conv"))[0].f32();
  conv[0] = 1.0f;
  conv[1] = -2.0f;
  std::ranges::copy(rows, m.parameters.of(m.graph.find("fc"))[0].f32().begin());
  return m;
}

Tensor map_of(const Model& m, const Tensor& x, const char* method, const Attributes& options) {
  std::vector<MethodPtr> one;
  one.push_back(make_method(method, options));
  Session::Options o;
  o.layer = "conv";
  o.engines.force = "conv:reference,gemm:reference";
  Session s(m, std::move(one), x.shape(), CpuStream(1), o);
  (void)s.forward(x.clone());
  return std::move(s.explain({0}).at(0).map);
}

double softmax0(double a, double b) { return 1.0 / (1.0 + std::exp(b - a)); }

}  // namespace

TEST_CASE("Score-CAM: weights are probabilities, in their own size") {
  const Model m = net({3, 0.5f, 0, 1});
  const Floats picture{1, 2, 3, 5};
  const Tensor x = tensor_of({1, 1, 2, 2}, picture);
  // The masks: A^0 from 1..5 gives (x - 1) / 4; A^1 from -10..-2 gives (5 - x) / 4.
  const auto answers = [&](bool second) {
    double mean = 0.0;
    for (const float v : picture) {
      const double p = static_cast<double>(v);
      mean += p * (second ? 5.0 - p : p - 1.0) / 4.0 / 4.0;
    }
    // S_0 = 3 mean - 0.5 2 mean; S_1 = -2 mean.
    return std::pair(2.0 * mean, -2.0 * mean);
  };
  const auto [a0, b0] = answers(false);
  const auto [a1, b1] = answers(true);
  const double w0 = softmax0(a0, b0), w1 = softmax0(a1, b1);
  const Tensor code = map_of(m, x, "scorecam", {});
  const Tensor paper = map_of(m, x, "scorecam", {{"form", std::string("paper")}});
  // Of the paper's form: softmax over the channels of S_0.
  const double v0 = softmax0(a0, a1), v1 = softmax0(a1, a0);
  for (std::size_t i = 0; i < 4; ++i) {
    const double p = static_cast<double>(picture[i]);
    CHECK(static_cast<double>(code.f32()[i]) ==
          doctest::Approx(std::max(0.0, w0 * p - 2.0 * w1 * p)).epsilon(1e-5));
    CHECK(static_cast<double>(paper.f32()[i]) ==
          doctest::Approx(std::max(0.0, v0 * p - 2.0 * v1 * p)).epsilon(1e-5));
  }
  CHECK(paper.f32()[3] > 0.5f);  // or nothing would be compared
}

TEST_CASE("Score-CAM: a channel that is constant counts nothing") {
  Model m = net({3, 0.5f, 0, 1});
  m.parameters.of(m.graph.find("conv"))[0].f32()[1] = 0.0f;  // A^1 = 0
  m.parameters.touch();
  const Floats picture{1, 2, 3, 5};
  const Tensor code = map_of(m, tensor_of({1, 1, 2, 2}, picture), "scorecam", {});
  double mean = 0.0;
  for (const float v : picture) mean += static_cast<double>(v) * (static_cast<double>(v) - 1) / 16;
  const double w0 = softmax0(3.0 * mean, 0.0);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(static_cast<double>(code.f32()[i]) ==
          doctest::Approx(w0 * static_cast<double>(picture[i])).epsilon(1e-5));
  }
}

TEST_CASE("Ablation-CAM: weights are shares of the score, in their own size") {
  const Model m = net({3, 0.5f, 0, 1});
  const Floats picture{1, 2, 3, 5};
  const Tensor map = map_of(m, tensor_of({1, 1, 2, 2}, picture), "ablationcam", {});
  // mean x = 2.75; S = 3 2.75 - 2.75 = 5.5; without A^0 it is -2.75, without A^1 8.25.
  const double w0 = (5.5 + 2.75) / 5.5, w1 = (5.5 - 8.25) / 5.5;
  for (std::size_t i = 0; i < 4; ++i) {
    const double p = static_cast<double>(picture[i]);
    CHECK(static_cast<double>(map.f32()[i]) ==
          doctest::Approx(w0 * p - 2.0 * w1 * p).epsilon(1e-5));
  }
}

TEST_CASE("a net of one score: its probability is the logistic function of it") {
  const Floats three{1.0f, -2.0f, 0.5f};
  CHECK(probability(three, 0) ==
        doctest::Approx(std::exp(1.0) / (std::exp(1.0) + std::exp(-2.0) + std::exp(0.5))));
  const Floats one{1.5f}, far{-800.0f};
  CHECK(probability(one, 0) == doctest::Approx(1.0 / (1.0 + std::exp(-1.5))));
  CHECK(probability(far, 0) == 0.0);
  CHECK(probabilities(one).at(0) == probability(one, 0));
  for (std::size_t c = 0; c < 3; ++c)
    CHECK(probabilities(three).at(c) == probability(three, static_cast<std::int64_t>(c)));
  CHECK(std::isnan(probability(Floats{INFINITY, 0.0f}, 0)));
}

TEST_CASE("a net of one score: RISE, Score-CAM, LIME and occlusion tell places apart") {
  // S = 0.4 (every second pixel of the top left quarter) - 1: only there is anything to see. Those
  // pixels are brighter than their neighbours, for LIME hides a segment behind its mean.
  Graph g({1, 1, 8, 8});
  g.add("conv", std::make_shared<Conv>(1, kernels::ConvGeometry{}, false));
  g.add("flatten", std::make_shared<Flatten>());
  g.add("fc", std::make_shared<Dense>(1));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  m.parameters.of(m.graph.find("conv"))[0].f32()[0] = 1.0f;
  const auto w = m.parameters.of(m.graph.find("fc"))[0].f32();
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = i % 2; j < 4; j += 2) w[i * 8 + j] = 0.4f;
  }
  m.parameters.of(m.graph.find("fc"))[1].f32()[0] = -1.0f;
  Tensor x = zeros({1, 1, 8, 8});
  for (std::size_t i = 0; i < 64; ++i) x.f32()[i] = (i / 8 + i) % 2 == 0 ? 1.3f : 1.0f;
  const auto mean = [](const Tensor& map, bool inside) {
    double sum = 0.0;
    int count = 0;
    for (std::size_t i = 0; i < 64; ++i) {
      if ((i / 8 < 4 && i % 8 < 4) != inside) continue;
      sum += static_cast<double>(map.f32()[i]);
      ++count;
    }
    return sum / count;
  };
  for (const auto& [method, options] : std::vector<std::pair<const char*, Attributes>>{
           {"rise", {{"masks", std::int64_t{600}}, {"cells", std::int64_t{4}}}},
           {"lime", {{"samples", std::int64_t{300}}, {"segments", std::int64_t{16}}}},
           {"occlusion", {{"window", std::int64_t{2}}, {"output", std::string("probability")}}}}) {
    CAPTURE(std::string(method));
    const Tensor map = map_of(m, x, method, options);
    CAPTURE(mean(map, true));
    CAPTURE(mean(map, false));
    CHECK(mean(map, true) > 1.02 * mean(map, false) + 1e-6);
  }
}
