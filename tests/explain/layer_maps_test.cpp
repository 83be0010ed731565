// The CAM family against GOLD-1 and identities.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/session.h"
#include "runtime/error.h"
#include "tests/layers/gold1.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

using Floats = std::vector<float>;

Tensor map_of(const Model& m,
              std::string_view method,
              const Tensor& x,
              std::int64_t target,
              const Attributes& options = {},
              const std::string& layer = "") {
  std::vector<MethodPtr> methods;
  methods.push_back(make_method(method, options));
  Session::Options o;
  o.layer = layer;
  Session session(m, std::move(methods), x.shape(), CpuStream(1), o);
  (void)session.forward(x.clone());
  return std::move(session.explain({target}).at(0).map);
}

void expect(const Tensor& got, const Floats& want, double tolerance = 2e-5) {
  REQUIRE(got.f32().size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(std::fabs(static_cast<double>(got.f32()[i]) - static_cast<double>(want[i])) <= tolerance);
  }
}

/// maps -> ReLU -> GAP -> dense without bias.
Model gap_net(std::int64_t maps, unsigned seed) {
  Graph g({1, 3, 9, 8});
  g.add("conv", std::make_shared<Conv>(maps, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(3, false));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, seed);
  return m;
}

}  // namespace

TEST_CASE("GOLD-1: Grad-CAM++, LayerCAM, HiResCAM, XGrad-CAM, Eigen-CAM") {
  const Model m = tests::gold1();
  const Tensor x = tests::gold1_input();
  expect(map_of(m, "gradcam++", x, 0), {0, 0, .666667f, .666667f});
  expect(map_of(m, "gradcam++", x, 1), {1.107692f, 1.292308f, .369231f, .738462f});
  expect(map_of(m, "layercam", x, 0), {0, 0, .5f, .5f});
  expect(map_of(m, "layercam", x, 1), {4.5f, 5.25f, 1.5f, 3});
  // Uniform gradients: HiResCAM and XGrad-CAM are Grad-CAM there.
  expect(map_of(m, "hirescam", x, 1), {4.5f, 5.25f, 1.25f, 2.75f});
  expect(map_of(m, "xgradcam", x, 1), {4.5f, 5.25f, 1.25f, 2.75f});
  expect(map_of(m, "eigencam", x, 1), {5.98991f, 6.98823f, 2.05460f, 4.05123f});
}

TEST_CASE("on a GAP net Grad-CAM++ has closed-form weights") {
  const Model m = gap_net(6, 3);
  const Tensor x = random_tensor({1, 3, 9, 8}, 4);
  PlanRequest r;
  r.output = m.graph.find("relu");
  Executor e(m, r, CpuStream(1));
  e.set_input(x);
  e.forward();
  const Tensor a = e.read(e.output());
  const auto w = m.parameters.of(m.graph.last())[0].f32();
  for (std::size_t c = 0; c < 3; ++c) {
    Floats want(72);
    for (std::size_t k = 0; k < 6; ++k) {
      double mean = 0.0;
      for (std::size_t i = 0; i < 72; ++i) mean += static_cast<double>(a.f32()[k * 72 + i]) / 72.0;
      const double weight = std::max(0.0, static_cast<double>(w[c * 6 + k])) /
                            (2.0 + static_cast<double>(w[c * 6 + k]) * mean);
      for (std::size_t i = 0; i < 72; ++i)
        want[i] += static_cast<float>(weight) * a.f32()[k * 72 + i];
    }
    expect(map_of(m, "gradcam++", x, static_cast<std::int64_t>(c)), want);
  }
}

TEST_CASE("Ablation-CAM on a linear head: the weight is the share of the score") {
  const Model m = gap_net(5, 8);
  const Tensor x = random_tensor({1, 3, 9, 8}, 9);
  PlanRequest r;
  r.taps = {m.graph.find("relu"), m.graph.find("gap")};
  Executor e(m, r, CpuStream(1));
  e.set_input(x);
  e.forward();
  const Tensor a = e.read(e.value(r.taps[0])), f = e.read(e.value(r.taps[1])),
               s = e.read(e.output());
  const auto w = m.parameters.of(m.graph.last())[0].f32();
  Floats want(72);
  for (std::size_t i = 0; i < 72; ++i) {
    double sum = 0.0;
    for (std::size_t k = 0; k < 5; ++k) {
      sum += static_cast<double>(w[5 + k] * f.f32()[k] / s.f32()[1] * a.f32()[k * 72 + i]);
    }
    want[i] = static_cast<float>(std::max(0.0, sum));
  }
  expect(map_of(m, "ablationcam", x, 1), want, 1e-4);
}

TEST_CASE("Score-CAM: equal channels weigh the same, constant ones nothing") {
  Model m = gap_net(4, 21);
  const auto w = m.parameters.of(1)[0].f32();
  std::copy(w.begin(), w.begin() + 27, w.begin() + 27);  // channel 1 = channel 0
  std::fill(w.begin() + 81, w.begin() + 108, 0.0f);      // channel 3 is its bias everywhere
  m.parameters.of(1)[1].f32()[3] = 5.0f;
  const Tensor x = random_tensor({1, 3, 9, 8}, 22);
  const Tensor map = map_of(m, "scorecam", x, 2);
  // Without the constant channel nothing changes, though its activation of 5 dwarfs the others.
  m.parameters.of(1)[1].f32()[3] = 4.0f;
  const auto fc = m.parameters.of(m.graph.last())[0].f32();
  for (std::size_t c = 0; c < 3; ++c) fc[c * 4 + 3] *= 5.0f / 4.0f;
  const Tensor same = map_of(m, "scorecam", x, 2);
  expect(same, Floats(map.f32().begin(), map.f32().end()), 1e-5);
  const Tensor paper = map_of(m, "scorecam", x, 2, {{"form", std::string("paper")}});
  CHECK(*std::ranges::max_element(paper.f32()) > 0.0f);
  CHECK_THROWS_AS((void)make_method("scorecam", {{"form", std::string("other")}}), Error);
}

TEST_CASE("Score-CAM: channels that are the same weigh the same") {
  // Maps A, A, B against A, B with the first weight halved between the two: every masked input has
  // the same score, so A counts twice and B once. A and B are positive on the left and on the
  // right.
  Tensor x = zeros({1, 2, 2, 4});
  std::ranges::copy(Floats{3, 1, 0, 0, 2, 4, 0, 0, 0, 0, 5, 1, 0, 0, 2, 2}, x.f32().begin());
  const auto map = [&](bool twice, const char* form) {
    Graph g({1, 2, 2, 4});
    g.add("maps", std::make_shared<Conv>(twice ? 3 : 2, kernels::ConvGeometry{}, false));
    g.add("gap", std::make_shared<GlobalAveragePool>());
    g.add("fc", std::make_shared<Dense>(2, false));
    Model m(std::move(g));
    m.parameters = Parameters::zeroed(m.graph);
    std::ranges::copy(twice ? Floats{1, 0, 1, 0, 0, 1} : Floats{1, 0, 0, 1},
                      m.parameters.of(1)[0].f32().begin());
    std::ranges::copy(twice ? Floats{.25f, .25f, .75f} : Floats{.5f, .75f},
                      m.parameters.of(3)[0].f32().begin());
    return map_of(m, "scorecam", x, 0, {{"form", std::string(form)}}, "maps");
  };
  const Tensor one = map(false, "code"), two = map(true, "code");
  for (std::size_t i = 0; i < 8; ++i) {
    CAPTURE(i);
    CHECK(two.f32()[i] == doctest::Approx((i % 4 < 2 ? 2.0f : 1.0f) * one.f32()[i]).epsilon(1e-5));
    CHECK(one.f32()[i] > 0.0f);
  }
  // The paper's softmax: weights e^a / (e^a + e^b) against e^a / (2 e^a + e^b), so the ratio of
  // sides doubles.
  const Tensor paper = map(false, "paper"), paper_two = map(true, "paper");
  CHECK(paper_two.f32()[0] / paper_two.f32()[2] ==
        doctest::Approx(2.0f * paper.f32()[0] / paper.f32()[2]).epsilon(1e-5));
}

TEST_CASE("Score-CAM: on S = sum x the mask with the larger mean gets the larger weight") {
  // Map k is 1 where channel k of the picture is: 2, 4 and 7 of 16 pixels, apart from each other.
  const std::size_t first[] = {0, 2, 6, 13};
  Tensor x = zeros({1, 3, 4, 4});
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t i = first[k]; i < first[k + 1]; ++i) x.f32()[16 * k + i] = 1.0f;
  }
  Graph g({1, 3, 4, 4});
  g.add("maps", std::make_shared<Conv>(3, kernels::ConvGeometry{}, false));
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(2, false));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(Floats{1, 0, 0, 0, 1, 0, 0, 0, 1}, m.parameters.of(1)[0].f32().begin());
  std::ranges::fill(m.parameters.of(3)[0].f32().subspan(0, 3), 16.0f);  // 16 x mean = sum
  for (const char* form : {"code", "paper"}) {
    CAPTURE(form);
    const Tensor map = map_of(m, "scorecam", x, 0, {{"form", std::string(form)}}, "maps");
    CHECK(map.f32()[0] > 0.0f);
    CHECK(map.f32()[0] < map.f32()[2]);
    CHECK(map.f32()[2] < map.f32()[6]);
  }
}

TEST_CASE("Eigen-CAM of a rank-one activation is its pattern") {
  Graph g({1, 1, 3, 4});
  g.add("maps", std::make_shared<Conv>(3, kernels::ConvGeometry{}, false));
  g.add("gap", std::make_shared<GlobalAveragePool>());
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  for (const float sign : {1.0f, -1.0f}) {
    std::ranges::copy(Floats{2 * sign, -1 * sign, 3 * sign}, m.parameters.of(1)[0].f32().begin());
    const Tensor x = tensor_of({1, 1, 3, 4}, Floats{0, 1, 2, 3, 0, 0, 5, 1, 0, 0, 0, 4});
    Floats want;
    for (const float v : x.f32()) want.push_back(v * std::sqrt(14.0f));
    expect(map_of(m, "eigencam", x, 0, {}, "maps"), want, 1e-4);
  }
}

TEST_CASE("LayerCAM over several layers: the finer ones boosted, the maximum wins") {
  const Model m = tests::gold1();
  const Tensor x = tests::gold1_input();
  const Tensor fused = map_of(m, "layercam", x, 1, {{"layers", std::string("relu1,relu2")}});
  CHECK(fused.shape() == Shape{1, 1, 4, 4});
  const Tensor fine = map_of(m, "layercam", x, 1, {}, "relu1");
  const float most = *std::ranges::max_element(fine.f32());
  for (std::size_t i = 0; i < 16; ++i) {
    CHECK(fused.f32()[i] >= std::tanh(2.0f * fine.f32()[i] / most) - 1e-6f);
    CHECK(fused.f32()[i] <= 1.0f);
  }
  CHECK_THROWS_AS((void)map_of(m, "layercam", x, 1, {{"layers", std::string("relu1,relu9")}}),
                  Error);
}
