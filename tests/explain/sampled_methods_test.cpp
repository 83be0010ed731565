// Methods that ask the network about many inputs, against answers known by hand.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "explain/methods/quadrature.h"
#include "explain/methods/ridge.h"
#include "explain/occlusion/occluder.h"
#include "explain/segmentation/slic.h"
#include "explain/session.h"
#include "layers/flatten.h"
#include "layers/lrn.h"
#include "runtime/error.h"
#include "tests/layers/gold1.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

using Floats = std::vector<float>;

Explanation explain_one(const Model& m,
                        std::string_view method,
                        const Tensor& x,
                        std::int64_t target,
                        const Attributes& options = {},
                        const std::string& engines = "") {
  std::vector<MethodPtr> methods;
  methods.push_back(make_method(method, options));
  Session::Options o;
  o.engines.force = engines;
  Session session(m, std::move(methods), x.shape(), CpuStream(2), o);
  (void)session.forward(x.clone());
  return std::move(
      session.explain(std::vector<std::int64_t>(static_cast<std::size_t>(x.shape().n), target))
          .at(0));
}

void expect(const Tensor& got, const Floats& want, double tolerance) {
  REQUIRE(got.f32().size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(std::fabs(static_cast<double>(got.f32()[i]) - static_cast<double>(want[i])) <= tolerance);
  }
}

double sum_of(const Tensor& t) {
  double sum = 0.0;
  for (const float v : t.f32()) sum += static_cast<double>(v);
  return sum;
}

/// S = w . x + 0.25, and a second class that is always 0.
Model linear(const Shape& image, const Floats& w) {
  Graph g(image);
  g.add("flatten", std::make_shared<Flatten>());
  g.add("fc", std::make_shared<Dense>(2));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(w, m.parameters.of(m.graph.last())[0].f32().begin());
  m.parameters.of(m.graph.last())[1].f32()[0] = 0.25f;
  return m;
}

double number(const Attributes& a, const char* name) { return a.number(name, -1e9); }

}  // namespace

TEST_CASE("GOLD-1: integrated gradients and their completeness") {
  const Model m = tests::gold1();
  const Tensor x = tests::gold1_input();
  // A power of two: the points of the path are dyadic fractions and the reference engine is exact,
  // so the tied windows of this net stay tied, and the first maximum wins as in the tables
  // (tests/golden/gold1.py).
  const Attributes fine{{"steps", std::int64_t{4096}}};
  const Explanation e0 =
      explain_one(m, "integrated_gradients", x, 0, fine, "conv:reference,gemm:reference");
  const Explanation e1 =
      explain_one(m, "integrated_gradients", x, 1, fine, "conv:reference,gemm:reference");
  expect(e0.map,
         {-.5f, -1.2778f, 0, -.6389f, 0, -.5f, -.5333f, 0, .25f, -1.3167f, 0, 0, .0417f, 0,
          -1.2750f, 0},
         1e-3);
  expect(e1.map,
         {1.1875f, 2.5834f, 0, 1.2917f, 0, 1.1875f, 2.9750f, 0, 1.125f, 2.1166f, 0, 0, .2917f, 0,
          1.9917f, 0},
         1e-3);
  CHECK(sum_of(e0.map) == doctest::Approx(-5.75).epsilon(1e-3));
  CHECK(sum_of(e1.map) == doctest::Approx(14.75).epsilon(1e-3));
  REQUIRE(e1.measures.size() == 1);
  CHECK(std::fabs(number(e1.measures[0], "completeness_residual")) < 0.02);
  CHECK(number(e1.measures[0], "completeness_relative") < 1e-3);
  CHECK(e1.kind == MapKind::kSigned);
}

TEST_CASE("rules of the path integral; exact on linear functions") {
  // f = x^2: IG = 2 x^2 times the integral of t, at x = 3.
  const auto square = [](const Quadrature& q) {
    double sum = 0.0;
    for (std::size_t i = 0; i < q.points.size(); ++i) sum += q.weights[i] * 2.0 * q.points[i] * 9.0;
    return sum;
  };
  CHECK(square(quadrature("left", 50)) == doctest::Approx(8.82));
  CHECK(square(quadrature("right", 50)) == doctest::Approx(9.18));
  CHECK(square(quadrature("midpoint", 50)) == doctest::Approx(9.0));
  CHECK(square(quadrature("trapezoid", 50)) == doctest::Approx(9.0));
  CHECK(square(quadrature("gauss_legendre", 1)) == doctest::Approx(9.0));
  // Gauss-Legendre with n points is exact for t^(2n - 1).
  const Quadrature q = quadrature("gauss_legendre", 8);
  double power = 0.0;
  for (std::size_t i = 0; i < 8; ++i) power += q.weights[i] * std::pow(q.points[i], 15);
  CHECK(power == doctest::Approx(1.0 / 16.0).epsilon(1e-12));
  CHECK_THROWS_AS((void)quadrature("simpson", 5), Error);

  const Floats w{3, 1, -1, .5f};
  const Model m = linear({1, 1, 2, 2}, w);
  const Tensor x = tensor_of({1, 1, 2, 2}, Floats{1, -2, .5f, 4});
  expect(explain_one(m, "integrated_gradients", x, 0, {{"steps", std::int64_t{1}}}).map,
         {3, -2, -.5f, 2}, 1e-6);
  expect(explain_one(m, "integrated_gradients", x, 0,
                     {{"steps", std::int64_t{3}}, {"baseline", std::string("0.5")}})
             .map,
         {1.5f, -2.5f, 0, 1.75f}, 1e-6);
  CHECK_THROWS_AS(
      (void)explain_one(m, "integrated_gradients", x, 0, {{"baseline", std::string("1,2")}}),
      Error);
}

TEST_CASE("SmoothGrad of a linear function is its weights; its variance is 0") {
  const Floats w{3, 1, -1, .5f};
  const Model m = linear({1, 1, 2, 2}, w);
  const Tensor x = tensor_of({1, 1, 2, 2}, Floats{1, -2, .5f, 4});
  const Attributes few{{"samples", std::int64_t{20}}, {"noise", 0.5}, {"channels", true}};
  expect(explain_one(m, "smoothgrad", x, 0, few).map, w, 1e-6);
  expect(explain_one(m, "vargrad", x, 0, few).map, {0, 0, 0, 0}, 1e-6);
  Attributes squared = few;
  squared.set("squared", true);
  expect(explain_one(m, "smoothgrad", x, 0, squared).map, {9, 1, 1, .25f}, 1e-6);
}

TEST_CASE("SmoothGrad of x^2: 2 x, squared 4 (x^2 + sigma^2), variance 4 sigma^2") {
  // An LRN of one channel with beta = -1/2 and k = 0 is x |x|.
  Graph g({1, 2, 1, 1});
  g.add("square", std::make_shared<Lrn>(kernels::LrnParameters{1, 1.0f, -0.5f, 0.0f}));
  g.add("fc", std::make_shared<Dense>(1, false));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(Floats{1, 0}, m.parameters.of(2)[0].f32().begin());
  const double n = 4000.0, value = 10.0, sigma = 1.0;  // 0.05 of the range from 10 to 30
  const Tensor x = tensor_of({1, 2, 1, 1}, Floats{10, 30});
  Attributes o{{"samples", std::int64_t{4000}}, {"noise", 0.05}, {"channels", true}};
  const double mean = static_cast<double>(explain_one(m, "smoothgrad", x, 0, o).map.f32()[0]);
  const double variance = static_cast<double>(explain_one(m, "vargrad", x, 0, o).map.f32()[0]);
  o.set("squared", true);
  const double squared = static_cast<double>(explain_one(m, "smoothgrad", x, 0, o).map.f32()[0]);
  // Three standard errors: of 2 (x + e), of 4 (x + e)^2 (8 x sigma and little more), of a variance
  // (2 sigma)^2.
  CHECK(std::fabs(mean - 2 * value) < 3.0 * 2.0 * sigma / std::sqrt(n));
  CHECK(std::fabs(squared - 4 * (value * value + sigma * sigma)) <
        3.0 * 8.1 * value * sigma / std::sqrt(n));
  CHECK(std::fabs(variance - 4 * sigma * sigma) < 3.0 * 4.0 * sigma * sigma * std::sqrt(2.0 / n));
}

TEST_CASE("SmoothGrad of relu(x) at 0 is one half, its variance a quarter") {
  Graph g({1, 2, 1, 1});
  g.add("relu", std::make_shared<Relu>());
  g.add("fc", std::make_shared<Dense>(1, false));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(Floats{1, 1}, m.parameters.of(2)[0].f32().begin());
  const Tensor x = tensor_of({1, 2, 1, 1}, Floats{0, 50});
  const Attributes many{{"samples", std::int64_t{4000}}, {"noise", 0.1}, {"channels", true}};
  const Explanation mean = explain_one(m, "smoothgrad", x, 0, many);
  const double error = 3.0 * 0.5 / std::sqrt(4000.0);
  CHECK(std::fabs(static_cast<double>(mean.map.f32()[0]) - 0.5) < error);
  CHECK(mean.map.f32()[1] == 1.0f);
  CHECK(explain_one(m, "vargrad", x, 0, many).map.f32()[0] == doctest::Approx(0.25).epsilon(0.02));
  // The same seed gives the same numbers, another seed others.
  CHECK(explain_one(m, "smoothgrad", x, 0, many).map.f32()[0] == mean.map.f32()[0]);
  Attributes other = many;
  other.set("seed", std::int64_t{1});
  CHECK(explain_one(m, "smoothgrad", x, 0, other).map.f32()[0] != mean.map.f32()[0]);
}

TEST_CASE("GOLD-1 and D13: occlusion") {
  const Model m = tests::gold1();
  const Tensor x = tests::gold1_input();
  // Panel (d) of GOLD-1: the probability of class 1 with a 2x2 square of 0 at each of 3x3 places.
  Occluder occluder(m, m.graph.last(), {CpuStream(1), {}}, window_grid({1, 1, 4, 4}, 2, 1));
  Floats panel;
  occluder.run(x.f32(), Floats{0}, [&](std::int64_t, std::span<const float> scores) {
    panel.push_back(static_cast<float>(probability(scores, 1)));
  });
  const Floats want{.999992f, .880797f, .437823f, 1.f,     .982014f,
                    .904651f, .999942f, .999983f, .999994f};
  REQUIRE(panel.size() == 9);
  for (std::size_t i = 0; i < 9; ++i) CHECK(panel[i] == doctest::Approx(want[i]).epsilon(2e-6));

  const Floats w{3, 1, -1, .5f, 2, 0, 1, -2, 4};
  const Model f = linear({1, 1, 3, 3}, w);
  const Tensor image = tensor_of({1, 1, 3, 3}, Floats{1, 2, 3, -1, 0, 1, 2, 1, .5f});
  Floats product;
  for (std::size_t i = 0; i < 9; ++i) product.push_back(w[i] * image.f32()[i]);
  expect(explain_one(f, "occlusion", image, 0,
                     {{"window", std::int64_t{1}}, {"stride", std::int64_t{1}}})
             .map,
         product, 1e-5);
  // 2x2, stride 1: the centre is covered by all four windows, the corners by one each.
  const auto window = [&](std::size_t i, std::size_t j) {
    return product[i * 3 + j] + product[i * 3 + j + 1] + product[i * 3 + j + 3] +
           product[i * 3 + j + 4];
  };
  const Explanation two = explain_one(f, "occlusion", image, 0,
                                      {{"window", std::int64_t{2}}, {"stride", std::int64_t{1}}});
  CHECK(two.map.f32()[0] == doctest::Approx(window(0, 0)));
  CHECK(two.map.f32()[4] ==
        doctest::Approx((window(0, 0) + window(0, 1) + window(1, 0) + window(1, 1)) / 4));
  CHECK(window_positions(10, 4, 3) == std::vector<std::int64_t>{0, 3, 6});
  CHECK(window_positions(11, 4, 3) == std::vector<std::int64_t>{0, 3, 6, 7});
  CHECK_THROWS_AS((void)window_positions(3, 4, 1), Error);
}

TEST_CASE("RISE of a linear function with independent masks") {
  const Floats w{3, 1, -1, .5f};
  Model m = linear({1, 1, 2, 2}, w);
  m.parameters.of(m.graph.last())[1].f32()[0] = 0.0f;
  const Tensor x = tensor_of({1, 1, 2, 2}, Floats{1, 1, 1, 1});
  const Explanation e = explain_one(m, "rise", x, 0,
                                    {{"masks", std::int64_t{20000}},
                                     {"cells", std::int64_t{2}},
                                     {"output", std::string("logit")}});
  // Four standard errors of f M / p over 20000 masks: f has a variance of (9 + 1 + 1 + .25) / 4
  // around 1.75.
  expect(e.map, {3.25f, 2.25f, 1.25f, 2.0f}, 4.0 * 3.0 / std::sqrt(20000.0));
  CHECK_THROWS_AS((void)make_method("rise", {{"keep", 1.5}}), Error);
}

TEST_CASE("ridge regression recovers an additive model; the weight of a half-on sample") {
  const std::vector<double> c{3, 1, -1, .5};
  std::vector<double> z, y, w;
  const Philox random{7, 1};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    double value = 0.2, on = 0.0;
    for (std::uint64_t k = 0; k < 4; ++k) {
      const double shown = i == 0 || (random.word(i * 4 + k) & 1u) != 0u ? 1.0 : 0.0;
      z.push_back(shown);
      on += shown;
      value += shown * c[k];
    }
    y.push_back(value);
    const double d = on == 0.0 ? 1.0 : 1.0 - std::sqrt(on / 4.0);
    w.push_back(std::exp(-d * d / (2.0 * 0.25 * 0.25)));
    if (on == 2.0) CHECK(w.back() == doctest::Approx(0.503440).epsilon(1e-5));
  }
  const LinearFit exact = ridge(z, 4, y, w, 0.0);
  for (std::size_t k = 0; k < 4; ++k)
    CHECK(exact.coefficients[k] == doctest::Approx(c[k]).epsilon(1e-9));
  CHECK(exact.intercept == doctest::Approx(0.2).epsilon(1e-9));
  const LinearFit shrunk = ridge(z, 4, y, w, 1.0);
  const std::vector<double> about{2.97, .99, -.99, .49};
  for (std::size_t k = 0; k < 4; ++k) CHECK(std::fabs(shrunk.coefficients[k] - about[k]) < 0.015);
  // A feature that never varies gets nothing.
  CHECK(ridge(std::vector<double>{1, 0, 1, 1}, 2, std::vector<double>{1, 2},
              std::vector<double>{1, 1}, 0.0)
            .coefficients[0] == 0.0);
}

TEST_CASE("LIME on an additive model finds what each segment adds") {
  // Four quarters of one colour each; the score adds up weighted pixels.
  Floats image(64), w(64);
  const float add[] = {3, 1, -1, .5f};
  for (std::size_t i = 0; i < 64; ++i) {
    const std::size_t quarter = i / 32 * 2 + i % 8 / 4;
    image[i] = static_cast<float>(quarter + 1) + ((i % 2) != 0u ? .1f : -.1f);
    w[i] = ((i % 2) != 0u ? 10.0f : -10.0f) * add[quarter] / 32.0f;
  }
  const Model m = linear({1, 1, 8, 8}, w);
  const Explanation e = explain_one(m, "lime", tensor_of({1, 1, 8, 8}, image), 0,
                                    {{"samples", std::int64_t{500}},
                                     {"segments", std::int64_t{4}},
                                     {"alpha", 0.0},
                                     {"output", std::string("logit")}});
  REQUIRE(number(Attributes{{"x", static_cast<double>(e.measures[0].integer("segments", 0, 100))}},
                 "x") == 4.0);
  CHECK(number(e.measures[0], "r2") == doctest::Approx(1.0).epsilon(1e-6));
  // Hiding a segment flattens its stripes: what is lost is 16 pixels' worth of 0.1 x w.
  for (std::size_t i = 0; i < 64; ++i) {
    CAPTURE(i);
    CHECK(e.map.f32()[i] == doctest::Approx(add[i / 32 * 2 + i % 8 / 4] * 0.5).epsilon(2e-3));
  }
}

TEST_CASE("SLIC: connected segments that follow an edge, the same every time") {
  const Shape s{1, 3, 40, 60};
  Tensor image = zeros(s);
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t i = 0; i < 40; ++i) {
      for (std::int64_t j = 0; j < 60; ++j) {
        image.ref().out().at(0, c, i, j) = i + j < 47 ? 1.0f : 0.1f * static_cast<float>(c);
      }
    }
  }
  const Segmentation a = slic(image.f32(), s, 24, 10.0);
  CHECK(a.label == slic(image.f32(), s, 24, 10.0).label);
  CHECK(a.count >= 12);
  CHECK(a.count <= 40);
  // No segment lies on both sides of the edge with more than a few pixels.
  std::vector<int> left(static_cast<std::size_t>(a.count)), right(left.size());
  for (std::int64_t p = 0; p < 2400; ++p) {
    const auto k = static_cast<std::size_t>(a.label[static_cast<std::size_t>(p)]);
    REQUIRE(k < left.size());
    ++(p / 60 + p % 60 < 47 ? left : right)[k];
  }
  int mixed = 0;
  for (std::size_t k = 0; k < left.size(); ++k) mixed += std::min(left[k], right[k]);
  CHECK(mixed < 24);
  CHECK_THROWS_AS((void)slic(image.f32(), s, 0, 10.0), Error);
}
