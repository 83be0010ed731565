// Methods against GOLD-1, the net whose every explanation is known by hand, and against identities
// that hold on any network.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "explain/network.h"
#include "explain/rules/rules.h"
#include "explain/session.h"
#include "explain/tensor_math.h"
#include "kernels/elementwise.h"
#include "layers/flatten.h"
#include "layers/receptive_field.h"
#include "layers/softmax.h"
#include "tests/layers/gold1.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

using Floats = std::vector<float>;

// GOLD-1 is exact in float32 but for the rounding of Winograd's transform, relative to the largest
// value.
void expect(const Tensor& got, const Floats& want) {
  REQUIRE(got.f32().size() == want.size());
  double scale = 1.0;
  for (const float v : want) scale = std::max(scale, std::fabs(static_cast<double>(v)));
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(std::fabs(static_cast<double>(got.f32()[i]) - static_cast<double>(want[i])) <=
          2e-6 * scale);
  }
}

Tensor random_tensor(const Shape& s, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> d;
  Tensor t = zeros(s);
  for (float& v : t.f32()) v = d(engine);
  return t;
}

Explanation explain_one(const Model& m,
                        std::string_view method,
                        const Tensor& x,
                        std::int64_t target,
                        const Attributes& options = {},
                        const std::string& layer = "") {
  std::vector<MethodPtr> methods;
  methods.push_back(make_method(method, options));
  Session::Options o;
  o.guard = true;
  o.layer = layer;
  Session session(m, std::move(methods), x.shape(), CpuStream(1), o);
  (void)session.forward(x.clone());
  std::vector<std::int64_t> targets(static_cast<std::size_t>(x.shape().n), target);
  return std::move(session.explain(targets).at(0));
}

/// What `rules` bring from one unit of `from` down to the input. By the reference engine, whose
/// zeros are zeros.
Tensor projection(const Model& m,
                  const RuleSet& rules,
                  NodeId from,
                  const Tensor& x,
                  const Executor::Unit& unit) {
  PlanRequest r;
  r.input = x.shape();
  r.guard = true;
  r.engines.force = "conv:reference";
  BackwardRequest b;
  b.rules = rules;
  b.from = from;
  r.backward.push_back(b);
  Executor e(m, r, CpuStream(1));
  e.set_input(x);
  e.forward();
  e.seed_units(0, {&unit, 1});
  e.backward(0);
  return e.read(e.gradient(0, 0));
}

const Floats kGuided1{1.5f, 1.5f, -3, 1.5f, -3, 1.5f, 3, 0, 1.5f, 3, -3, 1.5f, 1.5f, -3, 3, 0};

double sum_of(const Tensor& t) {
  double sum = 0.0;
  for (const float v : t.f32()) sum += static_cast<double>(v);
  return sum;
}

/// conv 3x3 -> ReLU -> max -> conv 3x3 -> ReLU -> pooling -> dense, for identities that hold on any
/// net.
Model random_net(LayerPtr pooling, std::int64_t maps, unsigned seed, bool bias = true) {
  Graph g({1, 3, 12, 10});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  g.add("conv1", std::make_shared<Conv>(8, three, bias));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("conv2", std::make_shared<Conv>(maps, three, bias));
  g.add("relu2", std::make_shared<Relu>());
  g.add("pool2", std::move(pooling));
  g.add("fc", std::make_shared<Dense>(4, bias));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, seed);
  if (bias) m.parameters.of(m.graph.find("fc"))[1] = random_tensor({1, 4, 1, 1}, seed);
  return m;
}

}  // namespace

TEST_CASE("GOLD-1: saliency is the absolute gradient, gradient x input its evidence") {
  const Model m = tests::gold1();
  const Tensor x = tests::gold1_input();
  expect(explain_one(m, "saliency", x, 0).map,
         {.5f, .5f, 1.25f, .5f, 1, .5f, .5f, 0, .25f, 2, 2, 1, .25f, 2, 2, 0});
  expect(explain_one(m, "saliency", x, 1).map,
         {1.5f, 1.5f, 3.75f, 1.5f, 3, 1.5f, 1.5f, 0, .5f, 3.5f, 3.5f, 1.75f, .75f, 3.5f, 3.5f, 0});
  CHECK(sum_of(explain_one(m, "gradient_x_input", x, 0).map) == doctest::Approx(-7.75));
  CHECK(sum_of(explain_one(m, "gradient_x_input", x, 1).map) == doctest::Approx(20.75));
  const Explanation e = explain_one(m, "saliency", x, 1);
  CHECK(e.kind == MapKind::kHeat);
  CHECK(e.targets == std::vector<std::int64_t>{1});
  // D12: sensitivity analysis sums to the squared norm of the gradient.
  double squares = 0.0;
  for (const float v : e.map.f32()) squares += static_cast<double>(v) * static_cast<double>(v);
  CHECK(squares == doctest::Approx(87.1875));
}

TEST_CASE("GOLD-1: guided backpropagation") {
  const Model m = tests::gold1();
  const Tensor x = tests::gold1_input();
  expect(explain_one(m, "guided", x, 0).map,
         {0, 0, 0, 0, 0, 0, .5f, 0, .5f, 0, 0, 0, .5f, 0, 0, 0});
  expect(explain_one(m, "guided", x, 1).map, kGuided1);
}

TEST_CASE("GOLD-1: deconvnet from the logit, and from the strongest unit of each map") {
  const Model m = tests::gold1();
  const Tensor x = tests::gold1_input();
  const NodeId logits = m.graph.find("fc");
  expect(projection(m, deconvnet_rules(), logits, x, {0, 0, 0, 1.0f}),
         {0, -.5f, .5f, 0, 0, -.5f, 1, 0, .5f, 0, 0, 0, .5f, 0, 0, 0});
  expect(projection(m, deconvnet_rules(), logits, x, {1, 0, 0, 1.0f}), kGuided1);
  const Explanation zero = explain_one(m, "deconvnet", x, 0, {{"channel", std::int64_t{0}}});
  expect(zero.map, {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 1, 0, -1, 0});
  REQUIRE(zero.notes.size() == 1);
  CHECK(zero.notes[0] == "unit 0 at (1, 0), activation 1");
  const Floats one{0, 14, -28, 14, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  expect(explain_one(m, "deconvnet", x, 0, {{"channel", std::int64_t{1}}}).map, one);
  // Map 1 is the strongest, so nothing need be said; nor does the class matter.
  expect(explain_one(m, "deconvnet", x, 1).map, one);
  CHECK(explain_one(m, "deconvnet", x, 1).targets == std::vector<std::int64_t>{1});
  // A unit that is not the strongest, at the activation it has: z2[1] = 2 at (1, 0).
  const Attributes unit{
      {"channel", std::int64_t{1}}, {"row", std::int64_t{1}}, {"column", std::int64_t{0}}};
  const Explanation at = explain_one(m, "deconvnet", x, 1, unit);
  CHECK(at.notes[0] == "unit 1 at (1, 0), activation 2");
}

TEST_CASE("GOLD-1: CAM, Grad-CAM and guided Grad-CAM") {
  const Model m = tests::gold1();
  const Tensor x = tests::gold1_input();
  expect(explain_one(m, "cam", x, 0).map, {-6, -7, 0, -2});
  const Explanation cam = explain_one(m, "cam", x, 1);
  expect(cam.map, {18, 21, 5, 11});
  CHECK(cam.layer == "relu2");
  CHECK(cam.kind == MapKind::kScore);
  expect(explain_one(m, "gradcam", x, 0).map, {0, 0, 0, 0});
  expect(explain_one(m, "gradcam", x, 1).map, {4.5f, 5.25f, 1.25f, 2.75f});
  const Floats upsampled{18,    18.75f,  20.25f,   21,    14.75f, 15.6875f, 17.5625f, 18.5f,
                         8.25f, 9.5625f, 12.1875f, 13.5f, 5,      6.5f,     9.5f,     11};
  expect(upsample(cam.map, 4, 4), upsampled);
  Floats product;
  for (std::size_t i = 0; i < 16; ++i) product.push_back(kGuided1[i] * upsampled[i] / 4.0f);
  expect(explain_one(m, "guided_gradcam", x, 1).map, product);
  expect(explain_one(m, "guided_gradcam", x, 0).map, Floats(16, 0.0f));
}

TEST_CASE("a unit of the first layer projects to its filter, pasted where it looks") {
  Graph g({1, 3, 11, 9});
  g.add("conv1", std::make_shared<Conv>(5, kernels::ConvGeometry{3, 3, 2, 2, 1, 1, 1, 1, 1}));
  g.add("relu1", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 4);
  const Tensor x = random_tensor({1, 3, 11, 9}, 5);
  const std::int64_t k = 3, i = 2, j = 0;
  const Explanation e =
      explain_one(m, "deconvnet", x, 0, {{"channel", k}, {"row", i}, {"column", j}}, "conv1");
  PlanRequest r;
  r.output = 1;
  Executor forward(m, r, CpuStream(1));
  forward.set_input(x);
  forward.forward();
  const float a = forward.read(forward.output()).ref().in().at(0, k, i, j);
  Tensor want = zeros({1, 3, 11, 9});
  const View<const float> w = m.parameters.of(1)[0].ref().in();
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t u = 0; u < 3; ++u) {
      for (std::int64_t v = 0; v < 3; ++v) {
        const std::int64_t row = i * 2 - 1 + u, column = j * 2 - 1 + v;
        if (row >= 0 && column >= 0) want.ref().out().at(0, c, row, column) = a * w.at(k, c, u, v);
      }
    }
  }
  expect(e.map, Floats(want.f32().begin(), want.f32().end()));
}

TEST_CASE("three rules on one net give three answers") {
  Graph g({1, 2, 1, 1});
  g.add("fc1", std::make_shared<Dense>(3, false));
  g.add("relu", std::make_shared<Relu>());
  g.add("fc2", std::make_shared<Dense>(1, false));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(Floats{1, -2, 1, 1, 2, 0}, m.parameters.of(1)[0].f32().begin());
  std::ranges::copy(Floats{3, 1, -.5f}, m.parameters.of(3)[0].f32().begin());
  const Tensor x = tensor_of({1, 2, 1, 1}, Floats{1, 1});
  expect(projection(m, gradient_rules(), 3, x, {0, 0, 0, 1.0f}), {0, 1});
  expect(projection(m, deconvnet_rules(), 3, x, {0, 0, 0, 1.0f}), {4, -5});
  expect(projection(m, guided_rules(), 3, x, {0, 0, 0, 1.0f}), {1, 1});
}

TEST_CASE(
    "a projection is homogeneous, stays in the receptive field, and is the gradient where "
    "nothing is cut") {
  const Model m = random_net(std::make_shared<GlobalAveragePool>(), 6, 7);
  const Tensor x = random_tensor({1, 3, 12, 10}, 8);
  const NodeId layer = m.graph.find("relu2");
  for (const RuleSet& rules : {deconvnet_rules(), guided_rules(), gradient_rules()}) {
    CAPTURE(rules.name());
    const Tensor once = projection(m, rules, layer, x, {2, 2, 3, 1.5f});
    const Tensor twice = projection(m, rules, layer, x, {2, 2, 3, 3.0f});
    Floats doubled;
    for (const float v : once.f32()) doubled.push_back(2 * v);
    CHECK(std::ranges::equal(twice.f32(), doubled));  // times two is exact
    const auto shapes = m.graph.infer(x.shape());
    const Region field = region_below(m.graph, shapes, layer, {{2, 2}, {3, 3}});
    double inside = 0.0, outside = 0.0;
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t h = 0; h < 12; ++h) {
        for (std::int64_t w = 0; w < 10; ++w) {
          const double v = std::fabs(static_cast<double>(once.ref().in().at(0, c, h, w)));
          const bool in = h >= field.rows.first && h <= field.rows.last &&
                          w >= field.columns.first && w <= field.columns.last;
          (in ? inside : outside) += v;
        }
      }
    }
    CHECK(outside == 0.0);
    if (rules.name() == "deconvnet") CHECK(inside > 0.0);
  }
  // All weights and inputs positive: every pre-activation and every signal is, so the three rules
  // agree.
  Model positive(m.graph, m.parameters.clone());
  for (NodeId id = 0; id < positive.graph.size(); ++id) {
    for (Tensor& t : positive.parameters.of(id)) {
      for (float& v : t.f32()) v = std::fabs(v);
    }
  }
  Tensor bright = x.clone();
  for (float& v : bright.f32()) v = std::fabs(v);
  const Tensor gradient = projection(positive, gradient_rules(), layer, bright, {2, 2, 3, 1.0f});
  CHECK(std::ranges::equal(
      projection(positive, deconvnet_rules(), layer, bright, {2, 2, 3, 1.0f}).f32(),
      gradient.f32()));
  CHECK(std::ranges::equal(
      projection(positive, guided_rules(), layer, bright, {2, 2, 3, 1.0f}).f32(), gradient.f32()));
}

TEST_CASE(
    "the saliency of a linear model is its largest weight, whatever the image, the bias and "
    "the sign") {
  Graph g({1, 3, 4, 5});
  g.add("flat", std::make_shared<Flatten>());
  g.add("fc", std::make_shared<Dense>(2));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 1);
  const auto w = m.parameters.of(2)[0].f32();
  Floats want(20, 0.0f);
  for (std::size_t i = 0; i < 60; ++i) want[i % 20] = std::max(want[i % 20], std::fabs(w[60 + i]));
  const Tensor map = explain_one(m, "saliency", random_tensor({1, 3, 4, 5}, 1), 1, {}, "input").map;
  CHECK(map.shape() == Shape{1, 1, 4, 5});
  CHECK(std::ranges::equal(map.f32(), want));
  CHECK(std::ranges::equal(
      explain_one(m, "saliency", random_tensor({1, 3, 4, 5}, 2), 1, {}, "input").map.f32(), want));
  for (float& v : m.parameters.of(2)[0].f32()) v = -v;
  m.parameters.of(2)[1].f32()[1] = 100.0f;
  m.parameters.touch();
  CHECK(std::ranges::equal(
      explain_one(m, "saliency", random_tensor({1, 3, 4, 5}, 1), 1, {}, "input").map.f32(), want));
}

TEST_CASE("the score before softmax is explained, not the probability") {
  Graph g({1, 1, 1, 1});
  g.add("fc", std::make_shared<Dense>(2));
  g.add("prob", std::make_shared<Softmax>());
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  m.parameters.of(1)[0].f32()[0] = 1.0f;  // S = (x, 0)
  for (const float x : {-50.0f, -1.0f, 0.0f, 1.0f, 50.0f}) {
    expect(explain_one(m, "saliency", tensor_of({1, 1, 1, 1}, {&x, 1}), 0, {}, "input").map,
           {1.0f});
  }
  CHECK(logits_node(m.graph) == m.graph.find("fc"));
}

TEST_CASE(
    "the mean of a class activation map is the score without its bias, for average pooling "
    "only") {
  for (unsigned seed = 0; seed < 5; ++seed) {
    const Model m = random_net(std::make_shared<GlobalAveragePool>(), 9, seed);
    const Model peak_pooled(random_net(std::make_shared<GlobalMaxPool>(), 9, seed).graph,
                            m.parameters.clone());
    const Tensor x = random_tensor({1, 3, 12, 10}, 30 + seed);
    for (std::int64_t c = 0; c < 4; ++c) {
      const auto score = [&](const Model& net) {
        std::vector<MethodPtr> none;
        Session s(net, std::move(none), x.shape(), CpuStream(1));
        return s.forward(x.clone()).f32()[static_cast<std::size_t>(c)] -
               net.parameters.of(net.graph.find("fc"))[1].f32()[static_cast<std::size_t>(c)];
      };
      const Tensor map = explain_one(m, "cam", x, c).map;
      CHECK(sum_of(map) / 30.0 == doctest::Approx(static_cast<double>(score(m))).epsilon(1e-4));
      CHECK(sum_of(explain_one(peak_pooled, "cam", x, c).map) / 30.0 !=
            doctest::Approx(static_cast<double>(score(peak_pooled))).epsilon(1e-3));
    }
  }
  // One map, positive weight: the largest value is the score.
  Model one = random_net(std::make_shared<GlobalMaxPool>(), 1, 3);
  for (float& v : one.parameters.of(one.graph.find("fc"))[0].f32()) v = std::fabs(v);
  const Tensor x = random_tensor({1, 3, 12, 10}, 3);
  const Tensor map = explain_one(one, "cam", x, 2).map;
  std::vector<MethodPtr> none;
  Session s(one, std::move(none), x.shape(), CpuStream(1));
  CHECK(*std::ranges::max_element(map.f32()) ==
        doctest::Approx(s.forward(x.clone()).f32()[2] -
                        one.parameters.of(one.graph.find("fc"))[1].f32()[2])
            .epsilon(1e-5));
}

TEST_CASE("moving the maps about moves the class activation map with them and leaves the score") {
  Graph g({1, 3, 4, 4});
  g.add("conv", std::make_shared<Conv>(6, kernels::ConvGeometry{}));
  g.add("relu", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(3));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 2);
  const Tensor x = random_tensor({1, 3, 4, 4}, 3);
  Tensor moved = x.clone();
  const auto to = [](std::size_t pixel) { return (pixel * 5 + 3) % 16; };
  for (std::size_t i = 0; i < 48; ++i) moved.f32()[i / 16 * 16 + to(i % 16)] = x.f32()[i];
  const Tensor before = explain_one(m, "cam", x, 1).map,
               after = explain_one(m, "cam", moved, 1).map;
  for (std::size_t p = 0; p < 16; ++p) CHECK(after.f32()[to(p)] == before.f32()[p]);
  CHECK(sum_of(before) == doctest::Approx(sum_of(after)));
}

TEST_CASE(
    "on a net with global average pooling, Grad-CAM is the positive part of CAM over the "
    "area") {
  const Model m = random_net(std::make_shared<GlobalAveragePool>(), 9, 11);
  const Tensor x = random_tensor({2, 3, 12, 10}, 12);
  for (std::int64_t c = 0; c < 4; ++c) {
    const Tensor cam = explain_one(m, "cam", x, c).map, grad = explain_one(m, "gradcam", x, c).map;
    for (std::size_t i = 0; i < cam.f32().size(); ++i) {
      CHECK(grad.f32()[i] == doctest::Approx(std::max(0.0f, cam.f32()[i]) / 30.0f).epsilon(1e-4));
    }
  }
}

TEST_CASE(
    "Grad-CAM follows the scores: scale does not matter, a common offset neither, nor a "
    "saturated softmax") {
  const Model m = random_net(std::make_shared<GlobalAveragePool>(), 9, 13);
  const Tensor x = random_tensor({1, 3, 12, 10}, 14);
  const NodeId fc = m.graph.find("fc");
  const Tensor before = explain_one(m, "gradcam", x, 1).map;
  CHECK(sum_of(before) > 0.0);
  Model louder(m.graph, m.parameters.clone());
  for (Tensor& t : louder.parameters.of(fc)) {
    for (float& v : t.f32()) v *= 10.0f;
  }
  const Tensor loud = explain_one(louder, "gradcam", x, 1).map;
  for (std::size_t i = 0; i < before.f32().size(); ++i)
    CHECK(loud.f32()[i] == doctest::Approx(10.0f * before.f32()[i]).epsilon(1e-5));
  Model offset(m.graph, m.parameters.clone());
  for (float& v : offset.parameters.of(fc)[1].f32()) v += 3.0f;
  CHECK(std::ranges::equal(explain_one(offset, "gradcam", x, 1).map.f32(), before.f32()));
  // p -> 1: the gradient of the probability would vanish.
  Graph g = m.graph;
  g.add("prob", std::make_shared<Softmax>());
  Model sure(std::move(g));
  sure.parameters = Parameters::zeroed(sure.graph);
  for (NodeId id = 0; id < m.graph.size(); ++id) {
    for (std::size_t i = 0; i < m.parameters.of(id).size(); ++i)
      sure.parameters.of(id)[i] = m.parameters.of(id)[i].clone();
  }
  sure.parameters.of(fc)[1].f32()[1] = 200.0f;
  CHECK(std::ranges::equal(explain_one(sure, "gradcam", x, 1).map.f32(), before.f32()));
  // All weights of a class negative: nothing speaks for it, and the map is zero, not NaN.
  Model against(m.graph, m.parameters.clone());
  for (float& v : against.parameters.of(fc)[0].f32()) v = -std::fabs(v);
  const Tensor none = explain_one(against, "gradcam", x, 1).map;
  for (const float v : none.f32()) CHECK(v == 0.0f);
}

TEST_CASE("gradient x input of a net without biases sums to the score") {
  const Model m = random_net(std::make_shared<GlobalAveragePool>(), 9, 17, false);
  const Tensor x = random_tensor({1, 3, 12, 10}, 18);
  std::vector<MethodPtr> none;
  Session s(m, std::move(none), x.shape(), CpuStream(1));
  const Tensor scores = s.forward(x.clone()).clone();
  for (std::int64_t c = 0; c < 4; ++c) {
    CHECK(sum_of(explain_one(m, "gradient_x_input", x, c).map) ==
          doctest::Approx(static_cast<double>(scores.f32()[static_cast<std::size_t>(c)]))
              .epsilon(1e-4));
  }
}

TEST_CASE("guided Grad-CAM is zero where Grad-CAM is") {
  const Model m = random_net(std::make_shared<GlobalAveragePool>(), 9, 19);
  const Tensor x = random_tensor({2, 3, 12, 10}, 20);
  std::size_t zeros_seen = 0, others = 0;
  for (std::int64_t c = 0; c < 4; ++c) {
    const Tensor cam = upsample(explain_one(m, "gradcam", x, c).map, 12, 10),
                 both = explain_one(m, "guided_gradcam", x, c).map;
    const Tensor guided = explain_one(m, "guided", x, c).map;
    for (std::int64_t n = 0; n < 2; ++n) {
      for (std::int64_t i = 0; i < 3 * 120; ++i) {
        const float at = cam.ref().in().at(n, 0, i % 120 / 10, i % 10);
        const float got = both.ref().in().at(n, i / 120, i % 120 / 10, i % 10);
        if (at == 0.0f) {
          CHECK(got == 0.0f);
          ++zeros_seen;
        } else {
          CHECK(got ==
                doctest::Approx(at * guided.ref().in().at(n, i / 120, i % 120 / 10, i % 10)));
          ++others;
        }
      }
    }
  }
  CHECK(zeros_seen > 0);
  CHECK(others > 0);
}
