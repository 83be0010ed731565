// What relevance and the rectifiers' rules do at activations, products and sums of modern nets.

#include "explain/rules/gates.h"

#include <doctest/doctest.h>

#include <cmath>

#include "explain/network.h"
#include "explain/rules/lrp.h"
#include "explain/rules/rules.h"
#include "layers/activation.h"
#include "layers/clip.h"
#include "layers/conv_transpose.h"
#include "layers/dense.h"
#include "layers/elementwise.h"
#include "layers/executor.h"
#include "layers/global_pool.h"
#include "layers/group_norm.h"
#include "layers/layer_norm.h"
#include "layers/leaky_relu.h"
#include "layers/prelu.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "runtime/error.h"

using namespace cutaway;
using namespace cutaway::explain;
using kernels::Activation;
using kernels::BinaryOp;

namespace {

using Floats = std::vector<float>;

LayerPtr activation(Activation f) { return std::make_shared<ActivationLayer>(f); }
LayerPtr binary(BinaryOp op) { return std::make_shared<Elementwise>(op); }

Model model_of(Graph g) {
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 3);
  return m;
}

/// What arrives at `to` when `signal` stands at the output.
Floats passed(
    const Model& m, const RuleSet& rules, const Floats& x, const Floats& signal, NodeId to = 0) {
  PlanRequest r;
  r.guard = true;
  BackwardRequest b;
  b.rules = rules;
  b.to = {to};
  r.backward.push_back(b);
  Executor e(m, r, CpuStream(1));
  e.set_input(tensor_of(m.graph.node(0).shape, x));
  e.forward();
  e.set_seed(0, tensor_of(m.graph.node(m.graph.last()).shape, signal));
  e.backward(0);
  const Tensor t = e.read(e.gradient(0, to));
  return {t.f32().begin(), t.f32().end()};
}

void expect_near(const Floats& got, const Floats& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    // RelevanceQuotient's stabiliser is 1e-6.
    CHECK(std::abs(double{got[i]} - double{want[i]}) <= 1e-5 * (1.0 + std::abs(double{want[i]})));
  }
}

RuleSet lrp() { return lrp_rules({}); }

std::string refusal(const Graph& g, const RuleSet& rules) {
  try {
    (void)rules.resolve(g, g.last());
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUnsupported);
    return error.what();
  }
  return "";
}

const Floats kX{-2, -0.5F, 1, 3};
const Floats kSignal{1, -2, 3, -4};

}  // namespace

TEST_CASE("relevance and excitation pass every activation and normalisation as it is") {
  std::vector<LayerPtr> layers{std::make_shared<LeakyRelu>(0.1), std::make_shared<Clip>(0.0, 6.0),
                               std::make_shared<PReluLayer>(), std::make_shared<GroupNorm>(2),
                               std::make_shared<LayerNorm>()};
  for (const std::string& name : activation_names())
    layers.push_back(std::make_shared<ActivationLayer>(Attributes{{"function", name}}));
  for (const LayerPtr& layer : layers) {
    CAPTURE(layer->type());
    Graph g({1, 4, 1, 1});
    g.add("layer", layer);
    const Model m = model_of(std::move(g));
    CHECK(passed(m, lrp(), kX, kSignal) == kSignal);
    CHECK(passed(m, excitation_rules(), kX, kSignal) == kSignal);
  }
}

TEST_CASE("a gate gets no relevance, the signal all of it") {
  // Squeeze and excitation: maps times sigmoid(dense(means)).
  Graph g({1, 2, 1, 2});
  const NodeId gap = g.add("gap", std::make_shared<GlobalAveragePool>(), {0});
  const NodeId fc = g.add("fc", std::make_shared<Dense>(2), {gap});
  const NodeId gate = g.add("gate", activation(Activation::kSigmoid), {fc});
  const NodeId out = g.add("gated", binary(BinaryOp::kMultiply), {gate, 0});
  CHECK(gate_of(g, out) == 0);
  const Model m = model_of(std::move(g));
  CHECK(passed(m, lrp(), kX, kSignal) == kSignal);
  CHECK(passed(m, lrp(), kX, kSignal, gate) == Floats{0, 0});
  CHECK(passed(m, excitation_rules(), kX, kSignal) == kSignal);
}

TEST_CASE("a signal that is broadcast gets the relevance of all its places") {
  Graph g({1, 2, 2, 2});
  const NodeId signal = g.add("signal", std::make_shared<GlobalAveragePool>(), {0});
  const NodeId gate = g.add("gate", activation(Activation::kSigmoid), {0});
  g.add("gated", binary(BinaryOp::kMultiply), {signal, gate});
  const Model m = model_of(std::move(g));
  CHECK(passed(m, lrp(), {1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 3, 4, 0, 1, 0, 1}, signal) ==
        Floats{10, 2});
}

TEST_CASE("which factor is the gate") {
  Graph g({1, 2, 2, 2});
  const auto product = [&](const char* name, NodeId a, NodeId b) {
    return g.add(name, binary(BinaryOp::kMultiply), {a, b});
  };
  const NodeId sigmoid = g.add("sigmoid", activation(Activation::kSigmoid), {0});
  const NodeId tanh = g.add("tanh", activation(Activation::kTanh), {0});
  const NodeId silu = g.add("silu", activation(Activation::kSilu), {0});
  const NodeId mean = g.add("mean", std::make_shared<GlobalAveragePool>(), {0});
  CHECK(gate_of(g, product("swish", 0, sigmoid)) == 1);
  CHECK(gate_of(g, product("swish turned", sigmoid, 0)) == 0);
  CHECK(gate_of(g, product("gated tanh", tanh, sigmoid)) == 1);
  CHECK(gate_of(g, product("tanh gate", silu, tanh)) == 1);
  CHECK(gate_of(g, product("smaller", mean, 0)) == 0);
  CHECK(gate_of(g, product("square", silu, silu)) == -1);
  CHECK(gate_of(g, product("two gates", sigmoid, sigmoid)) == -1);
  // Hard swish written out: x clip(x + 3, 0, 6) / 6.
  const NodeId shifted =
      g.add("x + 3", std::make_shared<Elementwise>(BinaryOp::kAdd, Shape{1, 1, 1, 1}), {0});
  const NodeId clip = g.add("clip", std::make_shared<Clip>(0.0, 6.0), {shifted});
  const NodeId sixth =
      g.add("/ 6", std::make_shared<Elementwise>(BinaryOp::kDivide, Shape{1, 1, 1, 1}), {clip});
  CHECK(gate_of(g, product("hard swish", 0, sixth)) == 1);
  const NodeId quotient = g.add("quotient", binary(BinaryOp::kDivide), {0, silu});
  CHECK(gate_of(g, quotient) == 1);
  CHECK_FALSE(is_product(g, silu));
  CHECK(gate_of(g, silu) == -1);
}

TEST_CASE("a product of two signals is refused in words that name it and a way out") {
  Graph g({1, 2, 2, 2});
  const NodeId a = g.add("a", std::make_shared<Relu>(), {0});
  g.add("bilinear", binary(BinaryOp::kMultiply), {a, 0});
  for (const RuleSet& rules : {lrp(), excitation_rules()}) {
    const std::string words = refusal(g, rules);
    CHECK(words.find("bilinear") != std::string::npos);
    CHECK(words.find("gate") != std::string::npos);
    CHECK(words.find("integrated_gradients") != std::string::npos);
  }
  Graph s({1, 2, 2, 2});
  s.add("prob", std::make_shared<Softmax>());
  CHECK(refusal(s, lrp()).find("logits") != std::string::npos);
}

TEST_CASE("sums and differences share relevance in proportion, also broadcast and with constants") {
  Graph g({1, 1, 1, 2});
  const NodeId mean = g.add("mean", std::make_shared<GlobalAveragePool>(), {0});
  g.add("sum", binary(BinaryOp::kAdd), {0, mean});
  Model m = model_of(std::move(g));
  // z = (3, 1) + 2 = (5, 3): of 10 and 6 the maps get 6 and 2, the mean 4 + 4.
  expect_near(passed(m, lrp(), {3, 1}, {10, 6}, mean), {8});
  // At the pixels, with what the mean passes on in proportion: 8 (3/4, 1/4).
  expect_near(passed(m, lrp(), {3, 1}, {10, 6}), {6 + 6, 2 + 2});

  Graph d({1, 2, 1, 1});
  const NodeId relu = d.add("relu", std::make_shared<Relu>(), {0});
  d.add("difference", binary(BinaryOp::kSubtract), {0, relu});
  // -2 - 0: all to the first. (Differences that vanish have no relevance to share.)
  expect_near(passed(model_of(std::move(d)), lrp(), {-2, -1}, {4, 3}), {4, 3});

  Graph k({1, 2, 1, 1});
  k.add("shifted", std::make_shared<Elementwise>(BinaryOp::kAdd, Shape{1, 1, 1, 1}));
  Model shifted = model_of(std::move(k));
  shifted.parameters.of(1)[0].f32()[0] = 2.0F;
  // (3 + 2, 1 + 2): the constant keeps its share, as a bias does.
  expect_near(passed(shifted, lrp(), {3, 1}, {10, 6}), {6, 2});
}

TEST_CASE("a constant factor takes no relevance, and the larger of two takes all") {
  Graph k({1, 2, 1, 1});
  k.add("scaled", std::make_shared<Elementwise>(BinaryOp::kMultiply, Shape{1, 2, 1, 1}));
  Model scaled = model_of(std::move(k));
  scaled.parameters.of(1)[0].f32()[0] = -7.0F;
  CHECK(passed(scaled, lrp(), {3, 1}, {10, 6}) == Floats{10, 6});
  Graph g({1, 2, 1, 1});
  const NodeId mean = g.add("relu", std::make_shared<Relu>(), {0});
  g.add("largest", binary(BinaryOp::kMaximum), {0, mean});
  const Model largest = model_of(std::move(g));
  // relu(-1) = 0 is the larger; at 3 both are, and take half each.
  CHECK(passed(largest, lrp(), {3, -1}, {10, 6}, mean) == Floats{5, 6});
}

TEST_CASE("transposed convolutions take part as other linear layers do") {
  Graph g({1, 1, 1, 2});
  g.add("up", std::make_shared<ConvTranspose>(1, kernels::ConvGeometry{1, 2, 1, 2, 0, 0, 1, 1, 1},
                                              0, 0, false));
  Model m = model_of(std::move(g));
  m.parameters.of(1)[0].f32()[0] = 2.0F;
  m.parameters.of(1)[0].f32()[1] = -1.0F;
  LrpOptions zero;
  zero.composite = "zero";
  // Every output has one input: all of its relevance goes back there.
  expect_near(passed(m, lrp_rules(zero), {3, 5}, {1, 2, 3, 4}), {3, 7});
}

TEST_CASE("smooth rectifiers under the deconvnet and guided backpropagation") {
  Graph g({1, 4, 1, 1});
  g.add("silu", activation(Activation::kSilu));
  const Model m = model_of(std::move(g));
  CHECK(passed(m, deconvnet_rules(), kX, kSignal) == Floats{1, 0, 3, 0});
  const Floats gradient = passed(m, gradient_rules(), kX, kSignal);
  CHECK(passed(m, guided_rules(), kX, kSignal) == Floats{gradient[0], 0, gradient[2], 0});
  // A gate is no rectifier.
  Graph s({1, 4, 1, 1});
  s.add("sigmoid", activation(Activation::kSigmoid));
  const Model sigmoid = model_of(std::move(s));
  const Floats plain = passed(sigmoid, gradient_rules(), kX, kSignal);
  CHECK(passed(sigmoid, deconvnet_rules(), kX, kSignal) == plain);
  CHECK(passed(sigmoid, guided_rules(), kX, kSignal) == plain);
  // PReLU's slopes are 0 here: a ReLU.
  Graph p({1, 4, 1, 1});
  p.add("prelu", std::make_shared<PReluLayer>());
  const Model prelu = model_of(std::move(p));
  CHECK(passed(prelu, deconvnet_rules(), kX, kSignal) == Floats{1, 0, 3, 0});
  CHECK(passed(prelu, guided_rules(), kX, kSignal) == Floats{0, 0, 3, 0});
}

TEST_CASE("what is never negative") {
  Graph g({1, 2, 2, 2});
  const NodeId sigmoid = g.add("sigmoid", activation(Activation::kSigmoid), {0});
  const NodeId silu = g.add("silu", activation(Activation::kSilu), {0});
  const NodeId relu = g.add("relu", std::make_shared<Relu>(), {0});
  const NodeId clip = g.add("clip", std::make_shared<Clip>(0.0, 6.0), {0});
  const NodeId gated = g.add("gated", binary(BinaryOp::kMultiply), {relu, sigmoid});
  const NodeId apart = g.add("apart", binary(BinaryOp::kSubtract), {relu, sigmoid});
  const NodeId norm = g.add("norm", std::make_shared<LayerNorm>(), {relu});
  const NodeId scaled = g.add(
      "scaled", std::make_shared<Elementwise>(BinaryOp::kMultiply, Shape{1, 1, 1, 1}), {relu});
  for (const NodeId id : {sigmoid, relu, clip, gated}) CHECK(never_negative(g, id));
  for (const NodeId id : {silu, apart, norm, scaled}) CHECK_FALSE(never_negative(g, id));
}

TEST_CASE("a head of independent classes has its scores below the sigmoid") {
  Graph g({1, 2, 2, 2});
  g.add("gap", std::make_shared<GlobalAveragePool>());
  const NodeId fc = g.add("fc", std::make_shared<Dense>(3));
  g.add("prob", activation(Activation::kSigmoid));
  CHECK(logits_node(g) == fc);
}
