// What GOLD-1's table has beside the maps of gold1_methods_test.cpp: signed gradients, weights,
// sums, the panels of occlusion; and what options make of it.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/occlusion/occluder.h"
#include "explain/session.h"
#include "explain/tensor_math.h"
#include "tests/layers/gold1.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

using Floats = std::vector<float>;

void expect(std::span<const float> got, const Floats& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    // Exact in float32 but for the rounding of Winograd's transform.
    CHECK(std::abs(double{got[i]} - double{want[i]}) <= 2e-6 * (1.0 + std::abs(double{want[i]})));
  }
}

Explanation explain_one(const Model& m,
                        const char* method,
                        std::int64_t target,
                        const Attributes& options = {}) {
  std::vector<MethodPtr> methods;
  methods.push_back(make_method(method, options));
  Session session(m, std::move(methods), {1, 1, 4, 4}, CpuStream(1));
  (void)session.forward(tests::gold1_input());
  return std::move(session.explain({target}).at(0));
}

double sum_of(std::span<const float> values) {
  double sum = 0.0;
  for (const float v : values) sum += double{v};
  return sum;
}

/// dS_c / d node.
Tensor gradient(const Model& m, std::int64_t c, const char* node) {
  PlanRequest r;
  BackwardRequest b;
  b.to = {m.graph.find(node)};
  r.backward.push_back(b);
  Executor e(m, r, CpuStream(1));
  e.set_input(tests::gold1_input());
  e.forward();
  const Executor::Unit unit{c, 0, 0, 1.0f};
  e.seed_units(0, {&unit, 1});
  e.backward(0);
  return e.read(e.gradient(0, b.to[0]));
}

}  // namespace

TEST_CASE("GOLD-1: signed gradients, and sensitivity sums to their squared norm") {
  const Model m = tests::gold1();
  const Floats g0{-.5f, -.5f, 1.25f, -.5f, 1, -.5f, -.5f, 0, .25f, -2, 2, -1, -.25f, 2, -2, 0};
  const Floats g1{1.5f, 1.5f, -3.75f, 1.5f,  -3,   1.5f,  1.5f, 0,
                  .5f,  3.5f, -3.5f,  1.75f, .75f, -3.5f, 3.5f, 0};
  const Tensor image = tests::gold1_input();
  const auto x = image.f32();
  for (const std::int64_t c : {0, 1}) {
    const Floats& g = c == 0 ? g0 : g1;
    expect(gradient(m, c, "input").f32(), g);
    Floats product, square;
    for (std::size_t i = 0; i < 16; ++i) {
      product.push_back(g[i] * x[i]);
      square.push_back(g[i] * g[i]);
    }
    const Explanation evidence = explain_one(m, "gradient_x_input", c);
    expect(evidence.map.f32(), product);
    // -7.75 of -3.25 and 20.75 of 13.25: biases take the rest.
    const double residual = c == 0 ? (-7.75 + 3.25) / 3.25 : (20.75 - 13.25) / 13.25;
    CHECK(evidence.measures.at(0).number("conservation_residual", 0.0) ==
          doctest::Approx(residual));
    expect(explain_one(m, "sensitivity", c).map.f32(), square);
  }
  CHECK(sum_of(explain_one(m, "sensitivity", 1).map.f32()) == doctest::Approx(87.1875));
}

TEST_CASE("GOLD-1: Grad-CAM's weights, and the mean of CAM with the bias") {
  const Model m = tests::gold1();
  expect(plane_means(gradient(m, 0, "relu2")).f32(), {.5f, -.25f});
  expect(plane_means(gradient(m, 1, "relu2")).f32(), {-.25f, .75f});
  const float bias[] = {.5f, -.5f}, score[] = {-3.25f, 13.25f};
  for (const std::int64_t c : {0, 1}) {
    const Explanation cam = explain_one(m, "cam", c);
    const auto at = static_cast<std::size_t>(c);
    CHECK(sum_of(cam.map.f32()) / 4.0 + double{bias[at]} == doctest::Approx(double{score[at]}));
    CHECK(std::abs(cam.measures.at(0).number("conservation_residual", 1.0)) <= 1e-6);
  }
}

TEST_CASE("GOLD-1: Grad-CAM of what speaks against a class, and without its last ReLU") {
  const Model m = tests::gold1();
  expect(explain_one(m, "gradcam", 0, {{"counterfactual", true}}).map.f32(), {1.5f, 1.75f, 0, .5f});
  const Explanation raw = explain_one(m, "gradcam", 0, {{"relu", false}});
  expect(raw.map.f32(), {-1.5f, -1.75f, 0, -.5f});
  CHECK(raw.kind == MapKind::kSigned);
  expect(explain_one(m, "gradcam", 1, {{"counterfactual", true}}).map.f32(), {0, 0, 0, 0});
}

TEST_CASE("GOLD-1: saliency per another unit") {
  const Model m = tests::gold1();
  const Tensor one = explain_one(m, "saliency", 1).map;
  for (const Attributes& options :
       {Attributes{{"per", std::string("2")}}, Attributes{{"per", std::int64_t{2}}}}) {
    const Explanation two = explain_one(m, "saliency", 1, options);
    for (std::size_t i = 0; i < 16; ++i) CHECK(two.map.f32()[i] == 2.0f * one.f32()[i]);
    CHECK(two.options.text("per", "") == "2");
  }
  CHECK_THROWS((void)explain_one(m, "saliency", 1, {{"per", std::string("1,2,3")}}));
}

TEST_CASE("GOLD-1: occlusion panels (b), (d) and (e)") {
  const Model m = tests::gold1();
  // k* is map 1: the largest value of relu2 in the clean image is 7, in map 1.
  Floats activation, probability_1, winner;
  const std::vector<Region> places = window_grid({1, 1, 4, 4}, 2, 1);
  REQUIRE(places.size() == 9);
  Occluder maps(m, m.graph.find("relu2"), {CpuStream(1), {}}, places, Occluder::Passes::kFull);
  maps.run(tests::gold1_input().f32(), Floats{0}, [&](std::int64_t, std::span<const float> a) {
    REQUIRE(a.size() == 8);
    activation.push_back(static_cast<float>(sum_of(a.subspan(4))));
  });
  Occluder scores(m, m.graph.last(), {CpuStream(1), {}}, places);
  scores.run(tests::gold1_input().f32(), Floats{0}, [&](std::int64_t, std::span<const float> s) {
    probability_1.push_back(static_cast<float>(probability(s, 1)));
    winner.push_back(s[1] > s[0] ? 1.0f : 0.0f);
  });
  expect(activation, {15, 6, 6, 19, 8, 7, 13, 15, 16});
  expect(probability_1,
         {.999992f, .880797f, .437823f, 1, .982014f, .904651f, .999942f, .999983f, .999994f});
  expect(winner, {1, 1, 0, 1, 1, 1, 1, 1, 1});
}
