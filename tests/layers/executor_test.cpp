// Executors: repeatable passes, independence of batch, threads and guard, untouched models, and
// errors.

#include "layers/executor.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "explain/rules/rules.h"
#include "kernels/elementwise.h"
#include "layers/softmax.h"
#include "runtime/error.h"
#include "tests/layers/gold1.h"
#include "tests/layers/random_graph.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::tests;

namespace {

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::ranges::equal(a.f32(), b.f32());
}

/// FNV-1a over all bytes of all parameters.
std::uint64_t hash_of(const Model& m) {
  std::uint64_t hash = 14695981039346656037u;
  for (NodeId id = 0; id < m.graph.size(); ++id) {
    for (const Tensor& t : m.parameters.of(id)) {
      const auto* bytes = static_cast<const unsigned char*>(t.ref().data());
      for (std::size_t i = 0; i < t.bytes(); ++i) hash = (hash ^ bytes[i]) * 1099511628211u;
    }
  }
  return hash;
}

template <class F>
ErrorKind kind_of(const F& f, std::string* text = nullptr) {
  try {
    f();
  } catch (const Error& error) {
    if (text != nullptr) *text = error.what();
    return error.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::kInternal;
}

Model small(bool softmax = false) {
  Graph g({1, 3, 9, 8});
  g.add("conv1", std::make_shared<Conv>(17, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu1", std::make_shared<Relu>());
  g.add("norm1", std::make_shared<Lrn>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 0, 0}, true));
  const NodeId left =
      g.add("left", std::make_shared<Conv>(16, kernels::ConvGeometry{}), {g.find("pool1")});
  const NodeId right =
      g.add("right", std::make_shared<Conv>(8, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}),
            {g.find("pool1")});
  g.add("concat", std::make_shared<Concat>(), {left, right});
  g.add("relu2", std::make_shared<Relu>());
  g.add("drop", std::make_shared<Dropout>(0.5f));
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(6));
  if (softmax) g.add("prob", std::make_shared<Softmax>());
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 21);
  return m;
}

PlanRequest request_of(const Model& m,
                       std::int64_t batch,
                       const std::string& force = "conv:reference,gemm:reference") {
  PlanRequest r;
  r.input = m.graph.node(0).shape;
  r.input.n = batch;
  r.engines.force = force;
  r.backward.push_back({});
  return r;
}

}  // namespace

TEST_CASE(
    "executor: several passes in any order, again and again, give the same bits and leave the "
    "model alone") {
  const Model m = small();
  const std::uint64_t before = hash_of(m);
  PlanRequest r = request_of(m, 3, "");
  r.guard = true;
  r.backward[0].to = {m.graph.find("pool1"), 0};
  BackwardRequest guided, deconvnet, parameters;
  guided.rules = explain::guided_rules();
  deconvnet.rules = explain::deconvnet_rules();
  deconvnet.from = m.graph.find("concat");
  parameters.parameters = true;
  r.backward.insert(r.backward.end(), {guided, deconvnet, parameters});
  Executor e(m, r, CpuStream(1));
  e.set_input(random_tensor(r.input, 1));
  e.forward();
  std::vector<std::vector<Tensor>> first(4);
  for (const std::size_t k : std::vector<std::size_t>{0, 1, 2, 3, 2, 0, 3, 3, 1, 0, 0}) {
    CAPTURE(k);
    const Tensor dy = random_tensor(e.seed(k).shape(), 5);
    kernels::run(e.stream(), kernels::Reorder{dy.ref().in(), e.seed(k).out()});
    e.backward(k);
    CHECK(same(e.read(e.seed(k)), dy));  // a pass leaves its seed
    std::vector<Tensor> got;
    for (const NodeId to : e.plan().request().backward[k].to)
      got.push_back(e.read(e.gradient(k, to)));
    if (k == 3) {
      for (NodeId id = 0; id < m.graph.size(); ++id) {
        for (const Tensor& t : e.parameter_gradients().of(id)) got.push_back(t.clone());
      }
    }
    REQUIRE_FALSE(got.empty());
    if (first[k].empty()) {
      first[k] = std::move(got);
    } else {
      for (std::size_t i = 0; i < got.size(); ++i) CHECK(same(got[i], first[k][i]));
    }
  }
  CHECK_FALSE(same(first[0][1], first[1][0]));  // guided is not the gradient
  CHECK(hash_of(m) == before);
}

TEST_CASE("executor: an image gives the same bits in every batch, with 1, 2 and 3 threads") {
  const Model m = small();
  const Tensor images = random_tensor({5, 3, 9, 8}, 2);
  const auto one_image = static_cast<std::size_t>(3 * 9 * 8);
  std::vector<Tensor> outputs, gradients;
  for (const int threads : {1, 2, 3}) {
    for (const std::int64_t batch : {5, 1}) {
      PlanRequest r = request_of(m, batch);
      Executor e(m, r, CpuStream(threads));
      Tensor y = zeros({5, 6, 1, 1}), dx = zeros({5, 3, 9, 8});
      for (std::size_t n = 0; n < 5; n += static_cast<std::size_t>(batch)) {
        e.set_input(tensor_of(
            r.input,
            images.f32().subspan(n * one_image, one_image * static_cast<std::size_t>(batch))));
        e.forward();
        std::vector<Executor::Unit> units(static_cast<std::size_t>(batch), {2, 0, 0, 1.0f});
        e.seed_units(0, units);
        e.backward(0);
        std::ranges::copy(e.read(e.output()).f32(),
                          y.f32().begin() + static_cast<std::ptrdiff_t>(n * 6));
        std::ranges::copy(e.read(e.gradient(0, 0)).f32(),
                          dx.f32().begin() + static_cast<std::ptrdiff_t>(n * one_image));
      }
      outputs.push_back(std::move(y));
      gradients.push_back(std::move(dx));
    }
  }
  for (std::size_t i = 1; i < outputs.size(); ++i) {
    CAPTURE(i);
    CHECK(same(outputs[i], outputs[0]));
    CHECK(same(gradients[i], gradients[0]));
  }
}

TEST_CASE("executor: two that take turns in one arena give what they give apart") {
  const Model m = small();
  const PlanRequest one = request_of(m, 1), three = request_of(m, 3);
  const Tensor x1 = random_tensor({1, 3, 9, 8}, 4), x3 = random_tensor({3, 3, 9, 8}, 5);
  Plan large = Plan::build(m.graph, three, kCpuDevice, 2);
  const auto arena = std::make_shared<Buffer>(kCpuDevice, large.arena_bytes());
  Executor a(m, Plan::build(m.graph, one, kCpuDevice, 2), CpuStream(2), arena);
  Executor b(m, std::move(large), CpuStream(2), arena);
  Executor apart1(m, one, CpuStream(2)), apart3(m, three, CpuStream(2));
  const auto forward = [](Executor& e, const Tensor& x) {
    e.set_input(x);
    e.forward();
    return e.read(e.output());
  };
  const Tensor want1 = forward(apart1, x1), want3 = forward(apart3, x3);
  for (int turn = 0; turn < 3; ++turn) {
    CHECK(same(forward(a, x1), want1));
    CHECK(same(forward(b, x3), want3));
  }
  const auto little = std::make_shared<Buffer>(kCpuDevice, std::size_t{64});
  CHECK(kind_of([&] {
          Executor(m, Plan::build(m.graph, one, kCpuDevice, 2), CpuStream(2), little);
        }) == ErrorKind::kInternal);
}

TEST_CASE(
    "executor: dropout in training repeats its mask by seed and step, drops at its rate, and "
    "scales") {
  Graph g({1, 4, 30, 30});
  g.add("drop", std::make_shared<Dropout>(0.25f));
  const Model m(std::move(g), Parameters::zeroed(Graph({1, 4, 30, 30})));
  Model working(m.graph, Parameters::zeroed(m.graph));
  PlanRequest r = request_of(working, 2, "");
  r.training = true;
  Executor e(working, r, CpuStream(1));
  const Tensor ones = [&] {
    Tensor t = zeros(r.input);
    std::ranges::fill(t.f32(), 1.0f);
    return t;
  }();
  const auto pass = [&](std::uint64_t seed) {
    e.set_random(seed);
    e.set_input(ones);
    e.forward();
    return e.read(e.output());
  };
  const Tensor y = pass(1);
  std::size_t kept = 0;
  for (const float v : y.f32()) {
    CHECK_UNARY(v == 0.0f || v == doctest::Approx(1.0f / 0.75f));
    kept += v != 0.0f ? 1U : 0U;
  }
  // 7200 draws of probability 0.75: standard deviation 37; five of them.
  CHECK(std::abs(static_cast<double>(kept) - 5400.0) < 185.0);
  CHECK(same(pass(1), y));
  CHECK_FALSE(same(pass(2), y));
  // The way down has the mask of the way up.
  (void)pass(1);
  kernels::run(e.stream(), kernels::Reorder{ones.ref().in(), e.seed(0).out()});
  e.backward(0);
  CHECK(same(e.read(e.gradient(0, 0)), y));
}

TEST_CASE("executor: dropout in evaluation passes the signal even where it cannot share memory") {
  Graph g({1, 4, 5, 5});
  g.add("conv", std::make_shared<Conv>(6, kernels::ConvGeometry{}));
  g.add("drop", std::make_shared<Dropout>(0.5f));
  g.add("relu", std::make_shared<Relu>());
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 3);
  PlanRequest r = request_of(m, 1, "");
  r.backward[0].from = 2;     // seeded at the dropout itself
  r.backward[0].to = {1, 2};  // and wanted on both sides of it
  Executor e(m, r, CpuStream(1));
  e.set_input(random_tensor(r.input, 1));
  e.forward();
  const Tensor dy = random_tensor({1, 6, 5, 5}, 2);
  kernels::run(e.stream(), kernels::Reorder{dy.ref().in(), e.seed(0).out()});
  e.backward(0);
  CHECK(same(e.read(e.gradient(0, 1)), dy));
  CHECK(same(e.read(e.gradient(0, 2)), dy));
}

TEST_CASE("executor: images of another size, where the network allows it") {
  const Model m = small();
  PlanRequest r = request_of(m, 2);
  r.input.h = 13;
  r.input.w = 6;
  Executor e(m, r, CpuStream(1));
  e.set_input(random_tensor(r.input, 1));
  e.forward();
  CHECK(e.output().shape() == Shape{2, 6, 1, 1});
  Graph g({1, 1, 4, 4});
  g.add("flat", std::make_shared<Flatten>());
  g.add("fc", std::make_shared<Dense>(2));
  const Model fixed(std::move(g));
  PlanRequest wrong = request_of(fixed, 1);
  wrong.input.h = 5;
  std::string text;
  CHECK(kind_of([&] { (void)Plan::build(fixed.graph, wrong, kCpuDevice, 1); }, &text) ==
        ErrorKind::kShape);
  CHECK(text.find("fc") != std::string::npos);
  CHECK(text.find("4x4") != std::string::npos);
}

TEST_CASE("executor: errors say what is wrong and where") {
  const Model m = small(true);
  const Graph& g = m.graph;
  const auto plan = [&](const PlanRequest& r) {
    return [&g, r] { (void)Plan::build(g, r, kCpuDevice, 1); };
  };
  std::string text;

  PlanRequest r = request_of(m, 1);
  r.backward[0].from = g.find("left");
  r.backward[0].to = {g.find("right")};
  CHECK(kind_of(plan(r), &text) == ErrorKind::kUsage);
  CHECK(text.find("no path down from 'left' to 'right'") != std::string::npos);
  r.backward[0].to = {g.find("fc")};
  CHECK(kind_of(plan(r)) == ErrorKind::kUsage);

  for (const RuleSet& rules :
       {explain::guided_rules(), explain::deconvnet_rules(), explain::deconvnet_rules(true)}) {
    PlanRequest through = request_of(m, 1);
    through.backward[0].rules = rules;
    CHECK(kind_of(plan(through), &text) == ErrorKind::kUnsupported);
    CHECK(text.find("prob (softmax)") != std::string::npos);
    CHECK(text.find(rules.name()) != std::string::npos);
    through.backward[0].from = g.find("fc");
    CHECK_NOTHROW(plan(through)());
  }
  RuleSet empty("nothing");
  PlanRequest none = request_of(m, 1);
  none.backward[0].rules = empty;
  CHECK(kind_of(plan(none), &text) == ErrorKind::kUnsupported);
  CHECK(text.find("no rule of nothing") != std::string::npos);

  PlanRequest other = request_of(m, 1);
  other.input.c = 4;
  CHECK(kind_of(plan(other)) == ErrorKind::kShape);
  other.input = {0, 0, -3, 8};
  CHECK_NOTHROW(plan(other)());  // n = 0: the graph's own
  other.input = {1, 3, -3, 8};
  CHECK(kind_of(plan(other)) == ErrorKind::kShape);
  other.input = {1, 3, 1, 1};
  CHECK(kind_of(plan(other), &text) == ErrorKind::kShape);
  PlanRequest engine = request_of(m, 1, "conv:quantum");
  CHECK(kind_of(plan(engine)) == ErrorKind::kUsage);

  CHECK(kind_of([&] { (void)g.find("pool"); }, &text) == ErrorKind::kUsage);
  CHECK(text.find("'pool1'") != std::string::npos);

  Executor e(m, request_of(m, 2), CpuStream(1));
  CHECK(kind_of([&] { e.set_input(zeros({1, 3, 9, 8})); }) == ErrorKind::kShape);
  CHECK(kind_of([&] { (void)e.value(g.find("conv1")); }, &text) == ErrorKind::kUsage);
  CHECK(text.find("conv1") != std::string::npos);
  const std::vector<Executor::Unit> outside{{0, 0, 0, 1.0f}, {6, 0, 0, 1.0f}};
  CHECK(kind_of([&] { e.seed_units(0, outside); }) == ErrorKind::kUsage);
  CHECK(kind_of([&] { e.seed_units(0, {outside.data(), 1}); }) == ErrorKind::kInternal);
  CHECK(kind_of([&] { (void)e.gradient(0, g.find("fc")); }) == ErrorKind::kInternal);
}

TEST_CASE("graph: names, aliases and shapes") {
  Graph g({1, 2, 4, 4});
  g.add("a", std::make_shared<Relu>());
  CHECK(kind_of([&] { g.add("a", std::make_shared<Relu>()); }) == ErrorKind::kInput);
  CHECK(kind_of([&] { g.add("", std::make_shared<Relu>()); }) == ErrorKind::kInput);
  CHECK(kind_of([&] { g.add("b", std::make_shared<Relu>(), {7}); }) == ErrorKind::kInput);
  CHECK(kind_of([&] { g.add("b", std::make_shared<Relu>(), {-1}); }) == ErrorKind::kInput);
  std::string text;
  CHECK(kind_of([&] { g.add("b", std::make_shared<Dense>(3)); }, &text) == ErrorKind::kShape);
  CHECK(text.find("b (dense)") == 0);
  CHECK(kind_of([&] { g.add("b", std::make_shared<Add>(), {0}); }) == ErrorKind::kShape);
  CHECK(kind_of([&] { g.add("b", std::make_shared<Relu>(), {0, 1}); }) == ErrorKind::kShape);
  CHECK(kind_of([&] { g.add("b", std::make_shared<Concat>(), {}); }) == ErrorKind::kShape);
  CHECK(kind_of([&] {
          g.add("b", std::make_shared<Conv>(2, kernels::ConvGeometry{5, 5, 1, 1, 0, 0, 1, 1, 1}));
        }) == ErrorKind::kShape);
  CHECK(kind_of([&] {
          g.add("b", std::make_shared<Conv>(3, kernels::ConvGeometry{1, 1, 1, 1, 0, 0, 1, 1, 3}));
        }) == ErrorKind::kShape);
  CHECK(g.size() == 2);  // nothing of the failed ones remains
  CHECK(g.node(1).consumers.empty());
  g.alias("first", 1);
  CHECK(g.find("first") == 1);
  CHECK(kind_of([&] { g.alias("a", 1); }) == ErrorKind::kInput);
  CHECK(kind_of([&] { g.add("first", std::make_shared<Relu>()); }) == ErrorKind::kInput);
  CHECK(kind_of([&] { (void)Graph({1, 0, 4, 4}); }) == ErrorKind::kShape);
  CHECK(nearest_names("conv5_3", {"conv5_1", "pool5", "conv5_3b", "fc"}, 2) ==
        std::vector<std::string>{"conv5_1", "conv5_3b"});
  const Model gold = gold1();
  CHECK(gold.graph.parameter_count() == 18 + 2 + 4 + 2 + 4 + 2);
  CHECK(gold.graph.macs() == 2 * 16 * 9 + 2 * 4 * 2 + 4);
}
