#include <doctest/doctest.h>

#include "layers/group_norm.h"
#include "layers/layer_norm.h"
#include "layers/receptive_field.h"
#include "tests/layers/layer_cases.h"

using namespace cutaway;
using namespace cutaway::tests;

namespace {

std::vector<float> applied(const LayerPtr& layer, const Shape& s, const std::vector<float>& x) {
  Graph g(s);
  g.add("layer", layer);
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 1);
  Executor e(m, PlanRequest{}, CpuStream(1));
  e.set_input(tensor_of(s, x));
  e.forward();
  const Tensor y = e.read(e.output());
  return {y.f32().begin(), y.f32().end()};
}

void expect_near(const std::vector<float>& got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(std::fabs(static_cast<double>(got[i]) - want[i]) <= 1e-6);
  }
}

}  // namespace

TEST_CASE("layers: group_norm of one group, some, and one a channel") {
  for (const std::int64_t channels : {3, 16, 33}) {
    for (const std::int64_t groups :
         {std::int64_t{0}, std::int64_t{1}, channels == 16 ? 4 : channels / 3}) {
      for (const bool affine : {true, false}) {
        LayerCase c{std::make_shared<GroupNorm>(groups, 1e-3, affine), {{1, channels, 3, 4}}};
        expect_good(c);
      }
    }
  }
  // Groups that cross a block of sixteen channels.
  expect_good({std::make_shared<GroupNorm>(2, 1e-3), {{1, 34, 3, 2}}});
}

TEST_CASE("layers: layer_norm") {
  for (const std::int64_t channels : {3, 5, 16, 17, 33}) {
    for (const bool affine : {true, false})
      expect_good({std::make_shared<LayerNorm>(1e-3, affine), {{1, channels, 2, 3}}});
  }
}

TEST_CASE("layers: normalisations within an image, by hand") {
  const double eps = 0.25;
  // Channel 0 holds 1, 3: mean 2, variance 1; channel 1 holds 0, 8: mean 4, variance 16.
  const Shape s{1, 2, 1, 2};
  const std::vector<float> x{1, 3, 0, 8};
  const double a = 1.0 / std::sqrt(1.25), b = 4.0 / std::sqrt(16.25);
  expect_near(applied(std::make_shared<GroupNorm>(0, eps), s, x), {-a, a, -b, b});
  // Together: mean 3, variance (4 + 0 + 9 + 25) / 4 = 9.5.
  const double d = 1.0 / std::sqrt(9.75);
  expect_near(applied(std::make_shared<GroupNorm>(1, eps), s, x), {-2 * d, 0, -3 * d, 5 * d});
  // Place by place: (1, 0) has mean 0.5 and variance 0.25, (3, 8) has 5.5 and 6.25.
  const double p = 0.5 / std::sqrt(0.5), q = 2.5 / std::sqrt(6.5);
  expect_near(applied(std::make_shared<LayerNorm>(eps), s, x), {p, -q, -p, q});
}

TEST_CASE("layers: a large mean does not drown the variance") {
  // In float32 a sum of squares around 1e4^2 has steps of 8.
  const std::vector<float> x{10000, 10001, 10002, 10003};
  const double s = 1.0 / std::sqrt(1.25 + 1e-5);
  expect_near(applied(std::make_shared<GroupNorm>(1), {1, 1, 2, 2}, x),
              {-1.5 * s, -0.5 * s, 0.5 * s, 1.5 * s});
  expect_near(applied(std::make_shared<LayerNorm>(), {1, 4, 1, 1}, x),
              {-1.5 * s, -0.5 * s, 0.5 * s, 1.5 * s});
}

TEST_CASE("layers: normalisations within an image refuse what does not divide") {
  CHECK(refusal_of(GroupNorm(4), {{1, 6, 2, 2}}) == ErrorKind::kShape);
  CHECK(refusal_of(GroupNorm(1), {{1, 6, 2, 2}, {1, 6, 2, 2}}) == ErrorKind::kShape);
  CHECK_THROWS_AS(GroupNorm(-1), Error);
  CHECK_THROWS_AS(GroupNorm(1, 0.0), Error);
  CHECK_THROWS_AS(LayerNorm(std::nan("")), Error);
}

TEST_CASE("layers: statistics of a plane do not count as receptive field, but as dependence") {
  Graph g({1, 4, 8, 8});
  g.add("conv", std::make_shared<Conv>(4, kernels::ConvGeometry{3, 3, 2, 2, 1, 1, 1, 1, 1}));
  g.add("norm", std::make_shared<GroupNorm>(2));
  const Fields f = receptive_fields(g).back();
  CHECK(f.rows.size == 3.0);
  CHECK(f.rows.jump == 2.0);
  const Shape plane = g.node(1).shape;
  CHECK(input_region(*g.node(2).layer, {{1, 1}, {1, 1}}, plane) == whole_region(plane));
}
