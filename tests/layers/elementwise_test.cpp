#include "layers/elementwise.h"

#include <doctest/doctest.h>

#include "layers/receptive_field.h"
#include "tests/layers/layer_cases.h"

using namespace cutaway;
using namespace cutaway::tests;
using kernels::BinaryOp;

namespace {

constexpr BinaryOp kAll[] = {BinaryOp::kAdd,    BinaryOp::kSubtract, BinaryOp::kMultiply,
                             BinaryOp::kDivide, BinaryOp::kMaximum,  BinaryOp::kMinimum};

LayerCase two(BinaryOp op, const Shape& a, const Shape& b) {
  LayerCase c{std::make_shared<Elementwise>(op), {a, b}};
  c.linear = op == BinaryOp::kAdd || op == BinaryOp::kSubtract;
  // Divisors come as near to zero as 0.05, where central differences are worth less.
  if (op == BinaryOp::kDivide) c.tolerance = 1e-4;
  return c;
}

Tensor plain(const Shape& s, const std::vector<float>& values) { return tensor_of(s, values); }

}  // namespace

TEST_CASE("layers: elementwise of equal shapes") {
  for (const BinaryOp op : kAll) {
    for (const std::int64_t c : {1, 5, 16, 17, 33})
      expect_good(two(op, {1, c, 3, 4}, {1, c, 3, 4}));
  }
}

TEST_CASE("layers: elementwise with broadcasting, either way round") {
  const Shape maps{1, 17, 3, 4};
  const Shape small[] = {{1, 17, 1, 1}, {1, 1, 3, 4}, {1, 17, 3, 1}, {1, 17, 1, 4}, {1, 1, 1, 1}};
  for (const BinaryOp op : {BinaryOp::kMultiply, BinaryOp::kSubtract, BinaryOp::kMaximum}) {
    for (const Shape& s : small) {
      expect_good(two(op, maps, s));
      expect_good(two(op, s, maps));
    }
  }
  // Each has an extent that the other lacks.
  expect_good(two(BinaryOp::kMultiply, {1, 16, 1, 4}, {1, 1, 3, 4}));
  expect_good(two(BinaryOp::kAdd, {1, 33, 1, 1}, {1, 1, 3, 4}));
  for (const std::int64_t c : kChannels)
    expect_good(two(BinaryOp::kMultiply, {1, c, 3, 4}, {1, c, 1, 1}));
}

TEST_CASE("layers: elementwise with a constant") {
  for (const BinaryOp op : kAll) {
    for (const bool reversed : {false, true}) {
      for (const Shape& k :
           {Shape{1, 1, 1, 1}, Shape{1, 17, 1, 1}, Shape{1, 17, 3, 4}, Shape{1, 1, 3, 4}}) {
        LayerCase c{std::make_shared<Elementwise>(op, k, reversed), {{1, 17, 3, 4}}};
        c.tolerance = op == BinaryOp::kDivide ? 1e-4 : 3e-5;
        expect_good(c);
      }
    }
  }
  // The constant is the larger operand.
  expect_good({std::make_shared<Elementwise>(BinaryOp::kAdd, Shape{1, 5, 3, 4}), {{1, 1, 1, 1}}});
}

TEST_CASE("layers: a gate by hand") {
  Graph g({1, 2, 2, 2});
  const auto gap = g.add("gate", make_layer("global_average_pool", {}), {0});
  g.add("gated", std::make_shared<Elementwise>(BinaryOp::kMultiply), {0, gap});
  const Model m(std::move(g), Parameters());
  Model model = m;
  model.parameters = Parameters::zeroed(model.graph);
  PlanRequest r;
  r.backward.push_back({});
  Executor e(model, r, CpuStream(1));
  e.set_input(plain({1, 2, 2, 2}, {1, 2, 3, 6, -1, 0, 1, 4}));
  e.forward();
  const Tensor y = e.read(e.output());
  // Means 3 and 1.
  CHECK(std::vector<float>(y.f32().begin(), y.f32().end()) ==
        std::vector<float>{3, 6, 9, 18, -1, 0, 1, 4});
  const Executor::Unit unit{0, 0, 1, 1.0F};
  e.seed_units(0, {&unit, 1});
  e.backward(0);
  const Tensor dx = e.read(e.gradient(0, 0));
  // d(x1 mean)/dx = mean at place 1, and x1 / 4 = 0.5 everywhere through the mean.
  CHECK(std::vector<float>(dx.f32().begin(), dx.f32().end()) ==
        std::vector<float>{0.5F, 3.5F, 0.5F, 0.5F, 0, 0, 0, 0});
}

TEST_CASE("layers: elementwise refuses what does not fit, and says which operations there are") {
  const Elementwise mul(BinaryOp::kMultiply);
  CHECK(refusal_of(mul, {{1, 3, 4, 4}, {1, 2, 4, 4}}) == ErrorKind::kShape);
  CHECK(refusal_of(mul, {{1, 3, 4, 4}, {1, 3, 2, 4}}) == ErrorKind::kShape);
  CHECK(refusal_of(mul, {{2, 3, 4, 4}, {1, 3, 4, 4}}) == ErrorKind::kShape);
  CHECK(refusal_of(mul, {{1, 3, 4, 4}}) == ErrorKind::kShape);
  CHECK(refusal_of(Elementwise(BinaryOp::kAdd, {1, 4, 1, 1}), {{1, 3, 4, 4}}) == ErrorKind::kShape);
  CHECK_THROWS_AS(Elementwise(BinaryOp::kAdd, Shape{2, 1, 1, 1}), Error);
  CHECK_THROWS_AS(Elementwise(BinaryOp::kAdd, Shape{1, 0, 1, 1}), Error);
  try {
    (void)make_layer("elementwise", {{"operation", std::string("power")}});
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("multiply") != std::string::npos);
  }
}

TEST_CASE("layers: one value beside a plane is seen by all of it") {
  const Elementwise product(BinaryOp::kMultiply);
  const Shape out{1, 3, 4, 5};
  CHECK(output_region(product, {{0, 0}, {0, 0}}, {1, 3, 1, 1}, out) == Region{{0, 3}, {0, 4}});
  CHECK(output_region(product, {{0, 0}, {2, 2}}, {1, 3, 1, 5}, out) == Region{{0, 3}, {2, 2}});
  CHECK(output_region(product, {{1, 2}, {2, 2}}, out, out) == Region{{1, 2}, {2, 2}});
}

TEST_CASE("layers: elementwise counts its constant as a parameter that is not trained") {
  Graph g({1, 3, 4, 4});
  g.add("scaled", std::make_shared<Elementwise>(BinaryOp::kMultiply, Shape{1, 3, 1, 1}));
  CHECK(g.parameter_count() == 3);
  CHECK_FALSE(g.parameters(1)[0].trainable);
  CHECK_FALSE(g.parameters(1)[0].decays);
  // Read back from a package: the same constant, for every picture of a batch.
  const auto again = make_layer("elementwise", g.node(1).layer->attributes());
  Graph h({1, 3, 4, 4});
  h.add("scaled", again);
  CHECK(h.parameters(1)[0].shape == Shape{1, 3, 1, 1});
  CHECK(g.macs() == 0);
}
