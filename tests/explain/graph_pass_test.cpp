#include "explain/graph/graph.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <random>

#include "explain/graph/infer.h"
#include "explain/graph/layer_pass.h"
#include "explain/graph/learn.h"
#include "explain/graph/ranking.h"
#include "layers/conv.h"
#include "layers/max_pool.h"
#include "layers/receptive_field.h"
#include "runtime/error.h"
#include "tests/explain/graph_reference.h"

using namespace cutaway;
using namespace cutaway::explain::graph;
using cutaway::tests::kK;
using cutaway::tests::Reference;

namespace {

LayerSpec one_filter(std::int64_t size, std::int64_t nodes) {
  return {"maps", 1, size, nodes, usual_density(size), 224.0 / static_cast<double>(size), 7.5};
}

/// Learns and returns everything.
Snapshot run(Learner& learner) {
  while (!learner.done()) (void)learner.step();
  return learner.snapshot();
}

}  // namespace

TEST_CASE("explanatory graph: where cells lie in the picture") {
  Graph g({1, 3, 224, 224});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  const int convolutions[5] = {2, 2, 3, 3, 3};
  for (int b = 1; b <= 5; ++b) {
    for (int k = 1; k <= convolutions[b - 1]; ++k) {
      g.add("conv" + std::to_string(b) + "_" + std::to_string(k), std::make_shared<Conv>(4, three));
    }
    g.add("pool" + std::to_string(b),
          std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, true));
  }
  const auto fields = receptive_fields(g);
  struct Row {
    const char* name;
    double stride, offset, field;
  };
  for (const Row& r : {Row{"conv4_2", 8, 3.5, 76}, Row{"conv4_3", 8, 3.5, 92},
                       Row{"conv5_2", 16, 7.5, 164}, Row{"conv5_3", 16, 7.5, 196}}) {
    const Field& f = fields[static_cast<std::size_t>(g.find(r.name))].rows;
    CHECK(f.jump == r.stride);
    CHECK(f.center == r.offset);
    CHECK(f.size == r.field);
  }
  CHECK(LayerSpec{"top", 1, 14, 20, 0.1, 16, 7.5}.pixel(13) == 215.5);
  CHECK(usual_nodes(28) == 40);
  CHECK(usual_nodes(14) == 20);
  CHECK(usual_nodes(13) == 17);
  CHECK(usual_nodes(7) == 10);
}

TEST_CASE("explanatory graph: evidence, density and responsibility of one node") {
  const LayerSpec spec{"maps", 1, 14, 1, 0.1, 16, 7.5};
  Reference r{spec, {7}, {7}, {0}, {0}, {1}, {2.1}, {2}, 0};
  std::vector<float> map(196);
  map[7 * 14 + 7] = 1;
  std::vector<Reference::Node> nodes{r.prepare(0, map)};
  CHECK(nodes[0].e[2][2] == doctest::Approx(0.472839).epsilon(1e-5));
  double sum = 0;
  for (int a = 0; a < kK; ++a) sum += r.gauss(0, a);
  CHECK(sum == doctest::Approx(0.991704).epsilon(1e-5));
  r.noise = 0.1 * sum * sum;
  CHECK(r.noise == doctest::Approx(0.0983478).epsilon(1e-5));
  r.responsibilities(nodes);
  CHECK(nodes[0].p[2][2] == doctest::Approx(0.0351916).epsilon(1e-5));
  CHECK(nodes[0].q[2][2] == doctest::Approx(0.263530).epsilon(1e-5));
  CHECK(nodes[0].q[0][0] == doctest::Approx(0.163504).epsilon(1e-5));

  // The library's own numbers, from what it tells: the peak is p E, and the released program's E is
  // 0.460176.
  FeatureMaps features(1, 1, 14);
  features.set(0, map);
  for (const bool authors : {false, true}) {
    Config config = preset(authors ? "authors" : "default");
    LayerPass pass(spec, config);
    const std::vector<float> delta{0.667f};  // R = round(2.001)
    const std::vector<float> mu{7};
    pass.without_parents(delta);
    CHECK(pass.radius()[0] == 2);
    Records records;
    Stream stream = CpuStream(1);
    pass.run(stream, {features, {}, nullptr, mu, mu}, records);
    const double expected = 0.0351916 * (authors ? 0.460176 : 0.472839);
    CHECK(static_cast<double>(records.peak.at(0, 0)) == doctest::Approx(expected).epsilon(1e-5));
  }
}

TEST_CASE("explanatory graph: two parents that disagree") {
  // Displacements (0, 0) and (3, 0), scales 1 and 2: one image tells the shift and, by the score,
  // the strength.
  LayerSpec spec{"maps", 1, 14, 1, 0.1, 16, 7.5};
  const std::vector<std::int32_t> edges{0, 1};
  const std::vector<float> parent_delta{1, 2};
  const std::vector<float> delta{0.667f};
  Motion motion{Rows(2, 1), Rows(2, 1)};
  motion.h.row(1)[0] = 3;
  FeatureMaps features(1, 1, 14);
  std::vector<float> map(196);
  map[7 * 14 + 7] = 1;
  features.set(0, map);
  double plain = 0;
  const std::pair<Strength, double> cases[] = {{Strength::kOne, 1.0},
                                               {Strength::kGeometric, 0.510103},
                                               {Strength::kPenalty, 0.637628},
                                               {Strength::kReleased, 0.403273}};
  for (const auto& [strength, expected] : cases) {
    Config config;
    config.strength = strength;
    LayerPass pass(spec, config);
    pass.with_parents(delta, edges, 2, parent_delta, 1);
    CHECK(static_cast<double>(pass.sigma()[0]) == doctest::Approx(1.264911).epsilon(1e-6));
    Records records;
    Stream stream = CpuStream(1);
    const std::vector<float> mu_h{6.4f};  // and the shift of 0.6 makes 7
    const std::vector<float> mu_w{7};
    pass.run(stream, {features, {}, &motion, mu_h, mu_w}, records);
    const auto total = static_cast<double>(records.total.at(0, 0));
    if (strength == Strength::kOne) plain = total;
    CHECK(total / plain == doctest::Approx(expected).epsilon(1e-5));
    CHECK(std::abs(static_cast<double>(records.h.at(0, 0)) - 7) ==
          doctest::Approx(1.0 / 3).epsilon(1e-5));
  }
}

TEST_CASE("explanatory graph: a pass is what the equations say, on random problems") {
  std::mt19937 random(5);
  const auto uniform = [&](double a, double b) {
    return std::uniform_real_distribution<double>(a, b)(random);
  };
  for (const std::int64_t size : {7, 14, 28, 40}) {
    const LayerSpec spec = one_filter(size, 9);
    Reference r;
    r.spec = spec;
    std::vector<float> map, mu_h, mu_w, delta;
    for (std::int64_t j = 0; j < size * size; ++j) {
      map.push_back(uniform(0, 1) < 0.4 ? static_cast<float>(uniform(0, 2)) : 0.0f);
    }
    const double side = static_cast<double>(size);
    for (int n = 0; n < 9; ++n) {
      // Also centres near and beyond the border.
      mu_h.push_back(static_cast<float>(uniform(-3, side + 2)));
      mu_w.push_back(static_cast<float>(uniform(-3, side + 2)));
      delta.push_back(static_cast<float>(uniform(0.3, 3)));
      r.mu_h.push_back(static_cast<double>(mu_h.back()));
      r.mu_w.push_back(static_cast<double>(mu_w.back()));
      r.sigma.push_back(0.15 * side);
      r.radius.push_back(static_cast<int>(
          std::max(1.0, std::round(std::min(0.15 * side, 3 * static_cast<double>(delta.back()))))));
    }
    r.shift_h.assign(9, 0);
    r.shift_w.assign(9, 0);
    r.strength.assign(9, 1);
    for (std::size_t n = 0; n < 9; ++n) {
      double sum = 0;
      for (int a = 0; a < kK; ++a) sum += r.gauss(n, a);
      r.noise += 0.1 * sum * sum / 9;
    }
    std::vector<Reference::Node> nodes;
    for (std::size_t n = 0; n < 9; ++n) nodes.push_back(r.prepare(n, map));
    r.responsibilities(nodes);
    FeatureMaps features(1, 1, size);
    features.set(0, map);
    LayerPass pass(spec, Config{});
    pass.without_parents(delta);
    Records records;
    PassSums sums;
    Stream stream = CpuStream(2);
    pass.run(stream, {features, {}, nullptr, mu_h, mu_w}, records, &sums);
    for (std::size_t n = 0; n < 9; ++n) {
      CAPTURE(size);
      CAPTURE(n);
      double total = 0;
      double peak = 0;
      double expected[5] = {};
      const double variance = r.sigma[n] * r.sigma[n];
      for (int a = 0; a < kK; ++a) {
        for (int b = 0; b < kK; ++b) {
          const Reference::Node& x = nodes[n];
          const double score = x.p[a][b] * x.e[a][b];
          total += score;
          peak = std::max(peak, score);
          expected[0] += x.q[a][b] * x.e[a][b] * r.offset(n, a) / variance;
          expected[1] += x.q[a][b] * x.e[a][b] * r.offset(n, b) / variance;
          expected[2] += x.q[a][b] * x.e[a][b];
          expected[3] += score * ((a - 2.5) * (a - 2.5) + (b - 2.5) * (b - 2.5));
          expected[4] += score;
        }
      }
      // float32 sums of 36 terms.
      const auto node = static_cast<std::int64_t>(n);
      CHECK(std::abs(static_cast<double>(records.total.at(node, 0)) - total) <=
            2e-5 * total + 1e-9);
      CHECK(std::abs(static_cast<double>(records.peak.at(node, 0)) - peak) <= 2e-5 * peak + 1e-9);
      for (std::size_t k = 0; k < 5; ++k) {
        CHECK(std::abs(sums.nodes[n * 5 + k] - expected[k]) <=
              2e-5 * expected[2] + 3e-5 * std::abs(expected[k]) + 1e-9);
      }
    }
  }
}

TEST_CASE("explanatory graph: the scale of a node follows the spread of its score") {
  // All mass at the centre cell of a wide kernel comes from the four inner candidates only when
  // nothing else scores; a flat product p E gives the values below. Here both from the formula
  // delta = 2R/K sqrt(v / t).
  const auto spread = [](int radius, bool flat) {
    double v = 0;
    double t = 0;
    for (int a = 0; a < kK; ++a) {
      for (int b = 0; b < kK; ++b) {
        const double square = (a - 2.5) * (a - 2.5) + (b - 2.5) * (b - 2.5);
        if (!flat && square > 0.6) continue;
        v += square;
        t += 1;
      }
    }
    return 2.0 * radius / kK * std::sqrt(v / t);
  };
  CHECK(spread(4, true) == doctest::Approx(3.220306).epsilon(1e-6));
  CHECK(spread(2, true) == doctest::Approx(1.610153).epsilon(1e-6));
  CHECK(spread(2, false) == doctest::Approx(std::sqrt(0.5) * 4 / 6).epsilon(1e-6));
  // And the learner's: one peak far narrower than the candidates' spacing, between the four inner
  // ones.
  const LayerSpec spec{"maps", 1, 14, 1, 0.1, 16, 7.5};
  ShardFeatures features;
  features.emplace_back(1, 1, 14);
  std::vector<float> map(196);
  map[7 * 14 + 7] = 1;
  features[0].set(0, map);
  Config config;
  config.iterations = 1;
  Learner learner({spec}, config, {&features}, CpuStream(1), {Positions{{7}, {7}}});
  const Snapshot s = run(learner);
  Reference r{spec, {7}, {7}, {0}, {0}, {1}, {2.1}, {2}, 0};
  const Reference::Node node = r.prepare(0, map);
  double v = 0;
  double t = 0;
  for (int a = 0; a < kK; ++a) {
    for (int b = 0; b < kK; ++b) {
      v += node.p[a][b] * node.e[a][b] * ((a - 2.5) * (a - 2.5) + (b - 2.5) * (b - 2.5));
      t += node.p[a][b] * node.e[a][b];
    }
  }
  CHECK(static_cast<double>(s.layers[0].delta[0]) ==
        doctest::Approx(4.0 / 6 * std::sqrt(v / t)).epsilon(1e-5));
}

TEST_CASE("explanatory graph: the gradient is that of the expected log-likelihood") {
  // Sum of Q E log N2(x; mu, sigma) over the candidates, everything but mu frozen.
  const LayerSpec spec = one_filter(28, 2);
  std::mt19937 random(9);
  std::vector<float> map;
  for (int j = 0; j < 28 * 28; ++j) map.push_back(static_cast<float>(random() % 1000) / 1000);
  FeatureMaps features(1, 1, 28);
  features.set(0, map);
  const std::vector<float> mu_h{10.3f, 12.1f};
  const std::vector<float> mu_w{15.2f, 13.4f};
  const std::vector<float> delta{4.2f, 4.2f};
  Reference r{spec, {10.3, 12.1}, {15.2, 13.4}, {0, 0}, {0, 0}, {1, 1}, {4.2, 4.2}, {4, 4}, 0};
  double sum = 0;
  for (int a = 0; a < kK; ++a) sum += r.gauss(0, a);
  r.noise = 0.1 * sum * sum;
  std::vector<Reference::Node> nodes{r.prepare(0, map), r.prepare(1, map)};
  r.responsibilities(nodes);
  LayerPass pass(spec, Config{});
  pass.without_parents(delta);
  Records records;
  PassSums sums;
  Stream stream = CpuStream(1);
  pass.run(stream, {features, {}, nullptr, mu_h, mu_w}, records, &sums);
  for (std::size_t n = 0; n < 2; ++n) {
    const auto value = [&](double moved) {
      double total = 0;
      for (int a = 0; a < kK; ++a) {
        for (int b = 0; b < kK; ++b) {
          const double h = r.offset(n, a) - moved;
          total -= nodes[n].q[a][b] * nodes[n].e[a][b] * h * h / (2 * 4.2 * 4.2);
        }
      }
      return total;
    };
    const double slope = (value(1e-3) - value(-1e-3)) / 2e-3;
    CHECK(sums.nodes[n * 5] == doctest::Approx(slope).epsilon(1e-4));
  }
}
