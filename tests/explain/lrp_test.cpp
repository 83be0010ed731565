// Relevance propagation: hand-computed cases, and what must hold on any net.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/rules/lrp.h"
#include "explain/session.h"
#include "layers/add.h"
#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/concat.h"
#include "layers/flatten.h"
#include "layers/lrn.h"
#include "runtime/error.h"
#include "tests/layers/gold1.h"
#include "tests/support/random_tensor.h"
#include "weights/fold.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

using Floats = std::vector<float>;

/// R at the pixels when the units of `from` (-1: the output) have relevance `seeds`.
Tensor relevance(const Model& m,
                 const RuleSet& rules,
                 const Tensor& x,
                 std::vector<Executor::Unit> seeds,
                 const char* engine = "",
                 NodeId to = 0) {
  PlanRequest r;
  r.input = x.shape();
  r.guard = true;
  r.engines.force = engine;
  BackwardRequest b;
  b.rules = rules;
  b.to = {to};
  r.backward.push_back(b);
  Executor e(m, r, CpuStream(1));
  e.set_input(x);
  e.forward();
  e.seed_units(0, seeds);
  e.backward(0);
  return e.read(e.gradient(0, to));
}

RuleSet uniform(const char* name, const LrpOptions& options = {}) {
  LrpOptions o = options;
  o.composite = name;
  return lrp_rules(o);
}

void expect(const Tensor& t, const Floats& want, double tolerance = 1e-5) {
  REQUIRE(t.f32().size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(double{t.f32()[i]} - double{want[i]}) <=
          tolerance * (1.0 + std::abs(double{want[i]})));
  }
}

double sum_of(const Tensor& t) {
  double sum = 0.0;
  for (const float v : t.f32()) sum += double{v};
  return sum;
}
double magnitude_of(const Tensor& t) {
  double sum = 0.0;
  for (const float v : t.f32()) sum += std::abs(double{v});
  return sum;
}

/// One dense unit with weights (1, -1), or those given.
Model one_unit(const Floats& w) {
  Graph g({1, static_cast<std::int64_t>(w.size()), 1, 1});
  g.add("unit", std::make_shared<Dense>(1, false));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(w, m.parameters.of(1)[0].f32().begin());
  return m;
}

Tensor vector_of(const Floats& v) {
  return tensor_of({1, static_cast<std::int64_t>(v.size()), 1, 1}, v);
}

/// Everything relevance meets: branches, concatenation, LRN, normalisations merged and sums of both
/// signs, poolings. Without biases (normalisations have mean and shift 0) unless asked.
Model mixed_net(unsigned seed, bool biases) {
  Graph g({1, 3, 14, 12});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1}, one{};
  const auto conv = [&](const char* name, std::int64_t c, const kernels::ConvGeometry& geometry,
                        NodeId from) {
    return g.add(name, std::make_shared<Conv>(c, geometry, biases), {from});
  };
  const auto relu = [&](const char* name) { return g.add(name, std::make_shared<Relu>()); };
  conv("conv1", 17, three, 0);
  relu("relu1");
  g.add("norm1", std::make_shared<Lrn>(kernels::LrnParameters{5, 1e-3f, 0.75f, 1.0f}));
  const NodeId pool =
      g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 0, 0}, true));
  conv("a", 16, one, pool);
  const NodeId a = relu("a_relu");
  conv("b", 24, three, pool);
  g.add("b_norm", std::make_shared<BatchNorm>());
  const NodeId b = relu("b_relu");
  const NodeId both = g.add("both", std::make_shared<Concat>(), {a, b});
  conv("up", 20, three, both);
  const NodeId up = g.add("up_norm", std::make_shared<BatchNorm>());
  const NodeId side = conv("side", 20, one, both);
  g.add("sum", std::make_shared<Add>(), {up, side});
  relu("sum_relu");
  g.add("average",
        std::make_shared<AveragePool>(kernels::PoolGeometry{3, 3, 2, 2, 1, 1}, true, false));
  conv("last", 12, three, g.last());
  relu("last_relu");
  g.add("flat", std::make_shared<Flatten>());
  g.add("fc1", std::make_shared<Dense>(18, biases));
  relu("fc1_relu");
  g.add("fc2", std::make_shared<Dense>(4, biases));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, seed);
  for (NodeId id = 1; id < m.graph.size(); ++id) {
    const auto specs = m.graph.parameters(id);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const std::string& name = specs[i].name;
      const bool shift = name == "bias" || name == "beta" || name == "mean";
      if (name == "weight" || (shift && !biases)) continue;
      Tensor values = random_tensor(
          specs[i].shape, seed + static_cast<unsigned>(17 * id) + static_cast<unsigned>(i));
      const std::span<float> target = m.parameters.of(id)[i].f32();
      for (std::size_t j = 0; j < target.size(); ++j) {
        const float v = values.f32()[j];
        target[j] = name == "variance" ? 0.5f + v * v
                    : name == "gamma"  ? 1.0f + 0.3f * v
                                       : 0.2f * v;
      }
    }
  }
  return m;
}

double logit(const Model& m, const Tensor& x, std::int64_t c) {
  PlanRequest r;
  r.input = x.shape();
  Executor e(m, r, CpuStream(1));
  e.set_input(x);
  e.forward();
  return double{e.read(e.output()).ref().in().at(0, c, 0, 0)};
}

LrpOptions boxed() {
  LrpOptions o;
  o.low = {-4.0f};
  o.high = {4.0f};
  return o;
}

}  // namespace

TEST_CASE("LRP: one unit by hand") {
  const Model m = one_unit({1, -1});
  const Tensor a = vector_of({2, 1});
  const std::vector<Executor::Unit> one{{}};
  expect(relevance(m, uniform("gamma"), a, one), {5.0f / 3.0f, -2.0f / 3.0f});
  expect(relevance(m, uniform("alphabeta"), a, one), {2, -1});
  expect(relevance(m, uniform("zplus"), a, one), {1, 0});
  expect(relevance(m, uniform("zero"), a, one), {2, -1});
  LrpOptions quarter;
  quarter.epsilon = 0.25;
  expect(relevance(m, uniform("epsilon", quarter), a, one), {1.6f, -.8f});  // factor .8
  expect(relevance(m, uniform("flat"), a, one), {.5f, .5f});
  expect(relevance(one_unit({1, -2}), uniform("wsquare"), a, one), {.2f, .8f});

  LrpRule box;
  box.kind = LrpKind::kZBox;
  box.low = {0};
  box.high = {1};
  RuleSet rules("box");
  rules.otherwise(lrp_linear(box));
  expect(relevance(one_unit({1, -2}), rules, vector_of({.5f, .25f}), one), {.25f, .75f});
}

TEST_CASE("LRP: inputs and outputs of both signs take the generalised gamma") {
  // a = (2, -1), w = (1, 1): z = 1 > 0, so (2 * 1.25, -1 * 1) / 1.5.
  const std::vector<Executor::Unit> one{{}};
  expect(relevance(one_unit({1, 1}), uniform("gamma"), vector_of({2, -1}), one),
         {5.0f / 3.0f, -2.0f / 3.0f});
  // w = (-1, -1): z = -1 < 0, so (2 * -1.25, -1 * -1) / -1.5.
  expect(relevance(one_unit({-1, -1}), uniform("gamma"), vector_of({2, -1}), one),
         {5.0f / 3.0f, -2.0f / 3.0f});
}

TEST_CASE("LRP: the maximum of two numbers as a net") {
  Graph g({1, 2, 1, 1});
  g.add("hidden", std::make_shared<Dense>(3, false));
  g.add("relu", std::make_shared<Relu>());
  g.add("max", std::make_shared<Dense>(1, false));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(Floats{1, -1, -1, 1, 1, 1}, m.parameters.of(1)[0].f32().begin());
  std::ranges::copy(Floats{.5f, .5f, .5f}, m.parameters.of(3)[0].f32().begin());
  const std::vector<Executor::Unit> two{{0, 0, 0, 2.0f}};
  expect(relevance(m, uniform("zplus"), vector_of({2, 1}), two), {1.5f, .5f});
  expect(relevance(m, uniform("zero"), vector_of({2, 1}), two), {2, 0});
}

TEST_CASE("GOLD-1: LRP-0 is gradient times input, its loss is what biases take") {
  const Model m = tests::gold1();
  std::vector<MethodPtr> methods;
  methods.push_back(make_method("lrp", {{"composite", std::string("zero")}}));
  methods.push_back(make_method("gradient_x_input"));
  Session session(m, std::move(methods), {1, 1, 4, 4}, CpuStream(1));
  (void)session.forward(tests::gold1_input());
  const double want[] = {-7.75, 20.75}, scores[] = {-3.25, 13.25};
  for (const std::int64_t c : {0, 1}) {
    const auto maps = session.explain({c});
    const auto gi = maps[1].map.f32();
    // Where z is 0 exactly, the stabilised quotient is 0 / 1e-6.
    expect(maps[0].map, Floats(gi.begin(), gi.end()), 2e-5);
    CHECK(std::abs(sum_of(maps[0].map) - want[c]) <= 1e-4);
    char note[80];
    std::snprintf(note, sizeof note, "conservation_residual %.3g",
                  (want[c] - scores[c]) / std::abs(scores[c]));
    CAPTURE(maps[0].notes[0]);
    CHECK(maps[0].notes[0].find(note) != std::string::npos);
  }
}

TEST_CASE("LRP: relevance is conserved by every rule and composite on nets without biases") {
  for (const unsigned seed : {1u, 2u, 3u}) {
    const Model m = mixed_net(seed, false);
    const Tensor x = random_tensor({1, 3, 14, 12}, seed + 40);
    const double score = logit(m, x, 2);
    REQUIRE(std::abs(score) > 1e-3);
    for (const std::string& name : lrp_composites()) {
      for (const bool average : {false, true}) {
        CAPTURE(seed);
        CAPTURE(name);
        CAPTURE(average);
        LrpOptions o = boxed();
        o.composite = name;
        o.average_max = average;
        const Tensor r = relevance(m, lrp_rules(o), x, {{2, 0, 0, static_cast<float>(score)}});
        // A large epsilon absorbs on purpose; w^2 and flat also send relevance to units that are 0,
        // where sums and averages have nothing to share it out by.
        if (name == "vgg_tutorial" || name == "wsquare" || name == "flat") {
          CHECK(std::isfinite(sum_of(r)));
          continue;
        }
        CHECK(std::abs(sum_of(r) - score) <= 1e-4 * std::abs(score) + 1e-5 * magnitude_of(r));
        CHECK(magnitude_of(r) > 0.0);
      }
    }
  }
}

TEST_CASE("LRP: w^2 and flat conserve relevance through convolutions, maxima and dense layers") {
  Graph g({1, 3, 9, 9});
  g.add("conv1",
        std::make_shared<Conv>(8, kernels::ConvGeometry{3, 3, 2, 2, 1, 1, 1, 1, 1}, false));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, true));
  g.add("flat", std::make_shared<Flatten>());
  g.add("fc", std::make_shared<Dense>(3, false));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 31);
  for (const char* name : {"wsquare", "flat"}) {
    const Tensor r =
        relevance(m, uniform(name), random_tensor({1, 3, 9, 9}, 32), {{1, 0, 0, 2.5f}});
    CHECK(std::abs(sum_of(r) - 2.5) <= 1e-4);
    CHECK(*std::ranges::min_element(r.f32()) >= 0.0f);
  }
}

TEST_CASE("LRP: biases take relevance unless excluded") {
  const Model m = mixed_net(5, true);
  const Tensor x = random_tensor({1, 3, 14, 12}, 45);
  const double score = logit(m, x, 1);
  const std::vector<Executor::Unit> seed{{1, 0, 0, static_cast<float>(score)}};
  for (const char* name : {"zplus", "gamma", "epsilon_plus"}) {
    CAPTURE(name);
    LrpOptions o;
    const Tensor with = relevance(m, uniform(name, o), x, seed);
    o.bias = false;
    const Tensor without = relevance(m, uniform(name, o), x, seed);
    CHECK(std::abs(sum_of(with) - score) > 1e-3 * std::abs(score));
    CHECK(std::abs(sum_of(without) - score) <=
          1e-4 * std::abs(score) + 1e-5 * magnitude_of(without));
  }
}

TEST_CASE("LRP: gamma tends to z+") {
  // Through ReLUs only: what is not positive carries no relevance, and the generalised form has
  // nothing to add.
  Graph g({1, 3, 8, 8});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  g.add("conv1", std::make_shared<Conv>(8, three));
  g.add("relu1", std::make_shared<Relu>());
  g.add("conv2", std::make_shared<Conv>(5, three));
  g.add("relu2", std::make_shared<Relu>());
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 11);
  const Tensor x = random_tensor({1, 3, 8, 8}, 12);
  const std::vector<Executor::Unit> seed{{3, 4, 4, 1.0f}};
  const Tensor plus = relevance(m, uniform("zplus"), x, seed);
  double before = 1e9;
  for (const double gamma : {1.0, 30.0, 1000.0}) {
    LrpOptions o;
    o.gamma = gamma;
    const Tensor r = relevance(m, uniform("gamma", o), x, seed);
    double worst = 0.0;
    for (std::size_t i = 0; i < r.f32().size(); ++i) {
      worst = std::max(worst, std::abs(double{r.f32()[i]} - double{plus.f32()[i]}));
    }
    CHECK(worst < 0.2 * before);
    before = worst;
  }
  CHECK(before <= 2e-3 * magnitude_of(plus));
}

TEST_CASE("LRP: merging a normalisation in the rule equals folding it into the weights") {
  const Model m = mixed_net(7, true);
  const Model folded = weights::fold_batch_norm(m);
  REQUIRE(folded.graph.size() < m.graph.size());
  const Tensor x = random_tensor({1, 3, 14, 12}, 47);
  const double score = logit(m, x, 0);
  CHECK(std::abs(score - logit(folded, x, 0)) <= 1e-5 * std::abs(score));
  for (const std::string& name : lrp_composites()) {
    CAPTURE(name);
    LrpOptions o = boxed();
    o.composite = name;
    const std::vector<Executor::Unit> seed{{0, 0, 0, static_cast<float>(score)}};
    const Tensor a = relevance(m, lrp_rules(o), x, seed),
                 b = relevance(folded, lrp_rules(o), x, seed);
    const double scale = magnitude_of(b) / static_cast<double>(b.f32().size());
    double worst = 0.0;
    for (std::size_t i = 0; i < a.f32().size(); ++i) {
      worst = std::max(worst, std::abs(double{a.f32()[i]} - double{b.f32()[i]}));
    }
    // Merged in float32 here, in double there; denominators near 0 make more of it.
    CHECK(worst <= 2e-3 * scale);
  }
}

TEST_CASE("LRP: the engine of the convolutions does not matter, nor does the batch") {
  const Model m = mixed_net(9, true);
  const Tensor x = random_tensor({2, 3, 14, 12}, 49);
  const std::vector<Executor::Unit> seeds{{0, 0, 0, 1.0f}, {3, 0, 0, -2.0f}};
  for (const char* name : {"epsilon_gamma_box", "epsilon_alpha2_beta1_flat", "vgg_tutorial"}) {
    CAPTURE(name);
    LrpOptions o = boxed();
    o.composite = name;
    const Tensor reference = relevance(m, lrp_rules(o), x, seeds, "conv:reference,gemm:reference");
    const Tensor fast = relevance(m, lrp_rules(o), x, seeds);
    const double scale = magnitude_of(reference) / static_cast<double>(reference.f32().size());
    for (std::size_t i = 0; i < fast.f32().size(); ++i) {
      CHECK(std::abs(double{fast.f32()[i]} - double{reference.f32()[i]}) <= 2e-3 * scale);
    }
    for (std::size_t n = 0; n < 2; ++n) {
      const Tensor alone =
          relevance(m, lrp_rules(o), tensor_of({1, 3, 14, 12}, x.f32().subspan(n * 504, 504)),
                    {seeds[n]}, "conv:reference,gemm:reference");
      CHECK(std::ranges::equal(alone.f32(), reference.f32().subspan(n * 504, 504)));
    }
  }
}

TEST_CASE("LRP: explaining changes neither parameters nor scores, and repeats bit for bit") {
  const Model m = mixed_net(13, true);
  const Parameters before = m.parameters.clone();
  const Tensor x = random_tensor({1, 3, 14, 12}, 53);
  std::vector<MethodPtr> methods;
  methods.push_back(make_method("lrp"));
  methods.push_back(make_method("saliency"));
  methods.push_back(
      make_method("excitation", {{"contrastive", true}, {"layer", std::string("pool1")}}));
  Session::Options options;
  options.guard = true;
  Session session(m, std::move(methods), x.shape(), CpuStream(2), options);
  const Tensor scores = session.forward(x.clone()).clone();
  const auto first = session.explain({1});
  (void)session.explain({2});
  CHECK(std::ranges::equal(scores.f32(), session.forward(x.clone()).f32()));
  const auto second = session.explain({1});
  for (std::size_t i = 0; i < first.size(); ++i)
    CHECK(std::ranges::equal(first[i].map.f32(), second[i].map.f32()));
  for (NodeId id = 0; id < m.graph.size(); ++id) {
    for (std::size_t i = 0; i < before.of(id).size(); ++i) {
      CHECK(std::ranges::equal(before.of(id)[i].f32(), m.parameters.of(id)[i].f32()));
    }
  }
}

TEST_CASE("LRP: options that cannot be are refused") {
  const auto kind_of = [](const Attributes& options) {
    try {
      (void)make_method("lrp", options);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::kInternal;
  };
  CHECK(kind_of({{"composite", std::string("epsilonplus")}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"alpha", 3.0}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"gamma", -1.0}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"epsilon", std::nan("")}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"low", std::string("1,x")}, {"high", 3.0}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"low", 2.0}, {"high", 1.0}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"maxpool", std::string("min")}}) == ErrorKind::kUsage);
  const auto box = make_method("lrp", {{"composite", std::string("epsilon_gamma_box")},
                                       {"low", std::string("-1,-2")},
                                       {"high", 3.0}});
  Needs needs;
  const Model m = tests::gold1();
  const auto no_box = make_method("lrp", {{"composite", std::string("epsilon_gamma_box")}});
  CHECK_THROWS_AS(no_box->plan(m.graph, Setting{m.graph.last(), -1, "", false}, needs), Error);
  CHECK_THROWS_AS(box->plan(m.graph, Setting{m.graph.last(), -1, "", false}, needs),
                  Error);  // one channel, two numbers
}
