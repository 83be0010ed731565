// Minimum cuts, colour mixtures, and GraphCut localisation (Simonyan et al. 2013, section 3.2).

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

#include "explain/localization/graph_cut.h"
#include "explain/localization/min_cut.h"
#include "runtime/error.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

struct Edge {
  std::size_t a, b;
  double forward, backward;
};
struct Problem {
  std::vector<double> source, sink;
  std::vector<Edge> edges;

  /// The capacity of the cut whose source side are the set bits.
  [[nodiscard]] double cut(unsigned side) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < source.size(); ++i) sum += side >> i & 1U ? sink[i] : source[i];
    for (const Edge& e : edges) {
      const bool a = side >> e.a & 1U, b = side >> e.b & 1U;
      if (a && !b) sum += e.forward;
      if (b && !a) sum += e.backward;
    }
    return sum;
  }
};

}  // namespace

TEST_CASE("minimum cut: the chain of four") {
  const std::vector<double> fg{0, 3, 2, 5}, bg{5, 2, 3, 0};
  for (const auto& [lambda, energy] : {std::pair{0.0, 4.0}, {1.0, 6.0}, {2.0, 7.0}, {4.0, 9.0}}) {
    CAPTURE(lambda);
    MinCut graph(4, 3);
    for (std::size_t i = 0; i < 4; ++i) graph.add_terminals(i, bg[i], fg[i]);
    for (std::size_t i = 0; i < 3; ++i) graph.add_edges(i, i + 1, lambda, lambda);
    CHECK(graph.solve() == energy);
    std::string labels;
    for (std::size_t i = 0; i < 4; ++i) labels += graph.on_source_side(i) ? 'f' : 'b';
    if (lambda == 0.0) CHECK(labels == "fbfb");
    if (lambda >= 1.0) CHECK((labels == "fffb" || labels == "fbbb"));
    double sum = 0.0;
    for (std::size_t i = 0; i < 4; ++i) {
      sum += labels[i] == 'f' ? fg[i] : bg[i];
      if (i > 0 && labels[i] != labels[i - 1]) sum += lambda;
    }
    CHECK(sum == energy);
  }
}

TEST_CASE("minimum cuts are minimal, whatever the graph, ties included") {
  std::mt19937 engine(11);
  for (int trial = 0; trial < 600; ++trial) {
    CAPTURE(trial);
    Problem p;
    const std::size_t nodes = 2 + engine() % 9;
    // Small whole numbers make ties, on which labels that are not reached matter.
    const auto capacity = [&] {
      return static_cast<double>(engine() % (trial % 2 == 0 ? 3U : 1000U));
    };
    MinCut graph(nodes);
    for (std::size_t i = 0; i < nodes; ++i) {
      p.source.push_back(engine() % 2 == 0 ? capacity() : 0.0);
      p.sink.push_back(engine() % 2 == 0 ? capacity() : 0.0);
      graph.add_terminals(i, p.source[i] / 2, p.sink[i]);
      graph.add_terminals(i, p.source[i] / 2, 0.0);
    }
    for (std::size_t k = engine() % 30; k > 0; --k) {
      const std::size_t a = engine() % nodes, b = engine() % nodes;
      if (a == b) continue;
      p.edges.push_back({a, b, capacity(), capacity()});
      graph.add_edges(a, b, p.edges.back().forward, p.edges.back().backward);
    }
    double best = p.cut(0);
    for (unsigned side = 1; side < 1U << nodes; ++side) best = std::min(best, p.cut(side));
    CHECK(graph.solve() == best);
    unsigned side = 0;
    for (std::size_t i = 0; i < nodes; ++i) side |= graph.on_source_side(i) ? 1U << i : 0U;
    CHECK(p.cut(side) == best);
  }
  MinCut graph(2);
  CHECK_THROWS_AS(graph.add_terminals(0, -1.0, 0.0), Error);
  CHECK_THROWS_AS(graph.add_edges(0, 1, NAN, 0.0), Error);
  CHECK_THROWS_AS(graph.add_edges(1, 1, 1.0, 0.0), Error);
}

TEST_CASE("colour mixtures: one Gaussian is the moments; clusters are found; the same twice") {
  std::mt19937 engine(3);
  std::normal_distribution<double> noise(0.0, 6.0);
  std::vector<Rgb> pixels;
  const auto level = [&](double v) {
    return static_cast<std::uint8_t>(std::clamp(v + noise(engine), 0.0, 255.0));
  };
  for (int i = 0; i < 600; ++i) {
    if (i % 3 == 0)
      pixels.push_back({level(200), level(40), level(60)});
    else
      pixels.push_back({level(50), level(180), level(90)});
  }
  MixtureOptions o;
  o.components = 1;
  const GaussianMixture one(pixels, o);
  double mean = 0.0, variance = 0.0;
  for (const Rgb p : pixels) mean += p.r / 600.0;
  for (const Rgb p : pixels) variance += (p.r - mean) * (p.r - mean) / 600.0;
  REQUIRE(one.components().size() == 1);
  CHECK(one.components()[0].mean[0] == doctest::Approx(mean));
  // ln N(mean) = -1/2 ln((2 pi)^3 det): with the inverse's 3 x 3 determinant
  const auto& q = one.components()[0].inverse;
  const double det = q[0] * (q[3] * q[5] - q[4] * q[4]) - q[1] * (q[1] * q[5] - q[4] * q[2]) +
                     q[2] * (q[1] * q[4] - q[3] * q[2]);
  CHECK(one.components()[0].log_norm ==
        doctest::Approx(-1.5 * std::log(2 * std::acos(-1.0)) + 0.5 * std::log(det)));
  // The marginal variance: the inverse of the inverse's first entry.
  CHECK((q[3] * q[5] - q[4] * q[4]) / det == doctest::Approx(variance + o.floor).epsilon(1e-6));

  o.components = 2;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    o.seed = seed;
    const GaussianMixture two(pixels, o);
    REQUIRE(two.components().size() == 2);
    const auto& a = two.components()[0].weight < 0.5 ? two.components()[0] : two.components()[1];
    CHECK(a.weight == doctest::Approx(1.0 / 3.0).epsilon(1e-3));
    CHECK(std::fabs(a.mean[0] - 200.0) < 2.0);
    const GaussianMixture again(pixels, o);
    CHECK(again.log_density({70, 150, 80}) == two.log_density({70, 150, 80}));
  }
  // One colour: one component, and the density of another colour is small, not NaN.
  const std::vector<Rgb> plain(50, Rgb{10, 20, 30});
  o.components = 5;
  const GaussianMixture flat(plain, o);
  CHECK(flat.components().size() == 1);
  CHECK(flat.log_density({10, 20, 30}) > 0.0);
  CHECK(std::isfinite(flat.log_density({255, 255, 255})));
  CHECK(flat.log_density({255, 255, 255}) < -1e6);
  CHECK_THROWS_AS(GaussianMixture({}, o), Error);
}

TEST_CASE("a red square on blue is found whole from a part of it") {
  for (const int x : {5, 22, 44}) {
    for (const int y : {22, 40}) {
      CAPTURE(x);
      CAPTURE(y);
      Image picture = make_image(64, 64, {30, 30, 220});
      fill(picture, {x, y, 20, 20}, {220, 30, 30});
      std::vector<float> saliency(64 * 64, 0.0F);
      for (int v = y + 4; v < y + 10; ++v) {
        for (int u = x + 3; u < x + 9; ++u) saliency[static_cast<std::size_t>(64 * v + u)] = 1.0F;
      }
      GraphCutOptions o;
      for (const bool hard : {false, true}) {
        for (const int iterate : {1, 3}) {
          o.hard_seeds = hard;
          o.iterate = iterate;
          const GraphCutResult r = graph_cut(picture, {saliency, 64, 64}, o);
          CHECK(r.box == Box{x, y, x + 19, y + 19});
          CHECK(std::ranges::count(r.foreground.values, 1) == 400);
          CHECK_FALSE(r.fallback);
        }
      }
    }
  }
}

TEST_CASE("GraphCut: quantiles, an even picture, odd input") {
  Image picture = make_image(20, 10, {100, 100, 100});
  std::vector<float> saliency(200);
  for (std::size_t i = 0; i < 200; ++i) saliency[i] = static_cast<float>(i);
  const GraphCutResult r = graph_cut(picture, {saliency, 10, 20});
  CHECK(r.high == doctest::Approx(189.05));
  CHECK(r.low == doctest::Approx(59.7));
  CHECK(r.beta == 0.0);
  CHECK(r.box.has_value());
  // Nothing tells the two models apart, so nothing is cut out: the box of the salient pixels.
  CHECK(r.fallback);
  CHECK(r.box == Box{10, 9, 19, 9});
  CHECK_THROWS_AS((void)graph_cut(picture, {saliency, 20, 10}), Error);
  saliency[7] = NAN;
  CHECK_THROWS_AS((void)graph_cut(picture, {saliency, 10, 20}), Error);
  GraphCutOptions o;
  o.low = 0.99;
  saliency[7] = 0.0F;
  CHECK_THROWS_AS((void)graph_cut(picture, {saliency, 10, 20}, o), Error);
}

TEST_CASE("GraphCut: a noisy picture of 227 pixels takes well under a second") {
  Image picture = make_image(227, 227);
  std::mt19937 engine(1);
  std::vector<float> saliency(227 * 227);
  for (int y = 0; y < 227; ++y) {
    for (int x = 0; x < 227; ++x) {
      const bool inside = (x - 120) * (x - 120) + (y - 100) * (y - 100) < 60 * 60;
      const auto level = [&](int v) {
        return static_cast<std::uint8_t>(v + static_cast<int>(engine() % 81U));
      };
      picture.set(x, y, {level(inside ? 120 : 70), level(60), level(inside ? 60 : 110)});
      saliency[static_cast<std::size_t>(227 * y + x)] =
          static_cast<float>(engine() % 1000U) * (inside ? 2.0F : 1.0F);
    }
  }
  const auto start = std::chrono::steady_clock::now();
  const GraphCutResult r = graph_cut(picture, {saliency, 227, 227});
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  MESSAGE("GraphCut of 227 x 227: " << seconds << " s");
  REQUIRE(r.box.has_value());
  CHECK(iou(*r.box, {61, 41, 179, 159}) > 0.9);
}
