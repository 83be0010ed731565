// Excitation backpropagation: hand-computed cases, what must hold on any net, and which layer it
// stops at.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/rules/lrp.h"
#include "explain/session.h"
#include "layers/average_pool.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "runtime/error.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

using Floats = std::vector<float>;

double sum_of(const Tensor& t) {
  double sum = 0.0;
  for (const float v : t.f32()) sum += double{v};
  return sum;
}

void expect(const Tensor& t, const Floats& want) {
  REQUIRE(t.f32().size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(double{t.f32()[i]} - double{want[i]}) <= 1e-5);
  }
}

Explanation excite(const Model& m,
                   const Tensor& x,
                   std::vector<std::int64_t> targets,
                   const Attributes& options,
                   const std::string& layer = "") {
  std::vector<MethodPtr> methods;
  methods.push_back(make_method("excitation", options));
  Session::Options o;
  o.layer = layer;
  o.guard = true;
  o.engines.force = "conv:reference,gemm:reference";  // whose zeros are zeros
  Session session(m, std::move(methods), x.shape(), CpuStream(1), o);
  (void)session.forward(x.clone());
  return std::move(session.explain(std::move(targets)).at(0));
}

/// Branches, LRN, poolings; all weights and inputs positive, no biases.
Model positive_net() {
  Graph g({1, 3, 16, 16});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1}, one{};
  g.add("conv1", std::make_shared<Conv>(9, three, false));
  g.add("relu1", std::make_shared<Relu>());
  g.add("norm1", std::make_shared<Lrn>(kernels::LrnParameters{5, 1e-3f, 0.75f, 1.0f}));
  const NodeId pool =
      g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 0, 0}, true));
  g.add("a", std::make_shared<Conv>(7, one, false), {pool});
  const NodeId a = g.add("a_relu", std::make_shared<Relu>());
  g.add("b", std::make_shared<Conv>(6, three, false), {pool});
  const NodeId b = g.add("b_relu", std::make_shared<Relu>());
  g.add("both", std::make_shared<Concat>(), {a, b});
  g.add("average",
        std::make_shared<AveragePool>(kernels::PoolGeometry{3, 3, 2, 2, 1, 1}, true, false));
  g.add("last", std::make_shared<Conv>(5, three, false));
  g.add("last_relu", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(4, false));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 21);
  for (NodeId id = 1; id < m.graph.size(); ++id) {
    for (Tensor& t : m.parameters.of(id)) {
      for (float& v : t.f32()) v = std::abs(v);
    }
  }
  return m;
}

Tensor bright(const Shape& shape) {
  Tensor x = random_tensor(shape, 57);
  for (float& v : x.f32()) v = std::abs(v);
  return x;
}

}  // namespace

TEST_CASE("excitation: probabilities sum to 1 where everything is positive") {
  const Model m = positive_net();
  for (const char* layer : {"input", "pool1", "both", "last_relu"}) {
    CAPTURE(layer);
    const Explanation e = excite(m, bright({1, 3, 16, 16}), {2}, {{"layer", std::string(layer)}});
    CHECK(std::abs(sum_of(e.map) - 1.0) <= 1e-4);
    CHECK(*std::ranges::min_element(e.map.f32()) >= 0.0f);
    CHECK(std::abs(e.measures.at(0).number("sum", 0.0) - 1.0) <= 1e-4);
  }
}

TEST_CASE("excitation: plain and contrastive by hand") {
  // Two pixels, two features, two classes. Feature 0 reads both pixels (1, 1), feature 1 the second
  // alone (0, 2). With x = (1, 1) both features are 2. Class 0 has weights (3, 1): p = (.75, .25);
  // its dual has no positive weights. Class 1 has (2, -1): p = (1, 0), the dual's (0, 1), the
  // difference (1, -1).
  Graph g({1, 1, 1, 2});
  g.add("flat", std::make_shared<Flatten>());
  g.add("features", std::make_shared<Dense>(2, false));
  g.add("relu", std::make_shared<Relu>());
  g.add("scores", std::make_shared<Dense>(2, false));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(Floats{1, 1, 0, 2}, m.parameters.of(2)[0].f32().begin());
  std::ranges::copy(Floats{3, 1, 2, -1}, m.parameters.of(4)[0].f32().begin());
  const Tensor x = tensor_of({2, 1, 1, 2}, Floats{1, 1, 1, 1});
  const auto map = [&](bool contrastive) {
    return excite(m, x, {0, 1}, {{"layer", std::string("input")}, {"contrastive", contrastive}})
        .map;
  };
  // Feature 0 shares out (1/2, 1/2), feature 1 (0, 1).
  expect(map(false), {.375f, .625f, .5f, .5f});
  // (1, -1) goes down as (.5, .5) - (0, 1) = (.5, -.5); what is negative is dropped at the pixels.
  expect(map(true), {.375f, .625f, .5f, 0});
}

TEST_CASE("excitation: the contrastive form tells classes apart that the plain one does not") {
  Model m = positive_net();
  // Two classes that read the same maps, one of them with a single map against it.
  const auto w = m.parameters.of(m.graph.find("fc"))[0].f32();
  std::copy_n(w.begin(), 5, w.begin() + 5);
  w[5] = -w[0];
  m.parameters.touch();
  const Tensor x = bright({2, 3, 16, 16});
  Tensor same = x.clone();
  std::copy_n(x.f32().begin(), 768, same.f32().begin() + 768);
  const auto cosine = [&](bool contrastive) {
    const Explanation e = excite(
        m, same, {0, 1}, {{"layer", std::string("last_relu")}, {"contrastive", contrastive}});
    const std::size_t half = e.map.f32().size() / 2;
    double aa = 0, bb = 0, ab = 0;
    for (std::size_t i = 0; i < half; ++i) {
      const double a = double{e.map.f32()[i]}, b = double{e.map.f32()[half + i]};
      aa += a * a, bb += b * b, ab += a * b;
    }
    return ab / std::sqrt(aa * bb);
  };
  const double plain = cosine(false), contrasted = cosine(true);
  CHECK(plain > 0.5);
  CHECK(contrasted < plain - 0.01);
}

TEST_CASE("excitation: which layer, and why, is recorded") {
  const Model m = positive_net();
  const Tensor x = bright({1, 3, 16, 16});
  const auto chosen = [&](const Attributes& options, const std::string& layer) {
    const Explanation e = excite(m, x, {1}, options, layer);
    CHECK(e.options.text("layer", "") == e.layer);
    return e.layer + ": " + e.options.text("layer_choice", "");
  };
  // The default is no CAM layer: the deepest that everything passes through, of at least an eighth
  // of 16 pixels.
  CHECK(chosen({}, "").find("last_relu: the deepest layer") == 0);
  CHECK(chosen({}, "both") == "both: chosen by the user");
  CHECK(chosen({{"layer", std::string("pool1")}}, "both") == "pool1: option layer");
  CHECK(chosen({{"layer", std::string("input")}}, "").find("input: ") == 0);
  CHECK(excite(m, x, {1}, {}, "both").map.shape() == Shape{1, 1, 8, 8});
  // Contrast begins below the classifier.
  CHECK_THROWS_AS((void)excite(m, x, {1}, {{"layer", std::string("fc")}, {"contrastive", true}}),
                  Error);
}
