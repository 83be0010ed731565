#include "explain/graph/graph.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <random>

#include "explain/graph/infer.h"
#include "explain/graph/layer_pass.h"
#include "explain/graph/learn.h"
#include "explain/graph/ranking.h"
#include "runtime/error.h"
#include "tests/explain/graph_planted.h"

using namespace cutaway;
using namespace cutaway::explain::graph;
using cutaway::tests::Planted;

namespace {

/// Learns and returns everything.
Snapshot run(Learner& learner) {
  while (!learner.done()) (void)learner.step();
  return learner.snapshot();
}

}  // namespace

TEST_CASE(
    "explanatory graph: inference repeats learning; order, shards and threads do not matter") {
  Planted planted(21);
  const Planted::Images images = planted.draw(24);
  Config config;
  SUBCASE("default") {}
  SUBCASE("refined") {
    config = preset("refined");
    config.least_likeness = 0.5;
  }
  config.candidates = 60;
  config.iterations = 5;
  Learner learner(planted.specs(), config, {&images.features}, CpuStream(1));
  const Snapshot whole = run(learner);
  const ExplanatoryGraph graph = learner.graph();
  const std::vector<Records> found = infer(graph, images.features, CpuStream(2));
  for (std::size_t l = 0; l < 3; ++l) {
    const Records& kept = whole.records[l][0];
    bool same = true;
    for (std::int64_t n = 0; n < kept.nodes(); ++n) {
      for (std::int64_t i = 0; i < 24; ++i) {
        same = same && kept.h.at(n, i) == found[l].h.at(n, i) &&
               kept.w.at(n, i) == found[l].w.at(n, i) &&
               kept.total.at(n, i) == found[l].total.at(n, i) &&
               kept.peak.at(n, i) == found[l].peak.at(n, i);
      }
    }
    CHECK(same);
  }
  Learner threads(planted.specs(), config, {&images.features}, CpuStream(3));
  const Snapshot other = run(threads);
  for (std::size_t l = 0; l < 3; ++l) {
    CHECK(other.layers[l].mu_h == whole.layers[l].mu_h);
    CHECK(other.layers[l].edges == whole.layers[l].edges);
    CHECK(other.layers[l].rank == whole.layers[l].rank);
  }
  // Images split into shards, the last of them turned round.
  for (const std::int64_t shards : {2, 3}) {
    std::vector<ShardFeatures> parts(static_cast<std::size_t>(shards));
    std::vector<const ShardFeatures*> pointers;
    const std::int64_t each = 24 / shards;
    for (std::int64_t k = 0; k < shards; ++k) {
      for (std::size_t l = 0; l < 3; ++l) {
        const LayerSpec& s = planted.specs()[l];
        FeatureMaps maps(each, s.filters, s.size);
        for (std::int64_t i = 0; i < each; ++i) {
          maps.set(k + 1 < shards ? i : each - 1 - i, images.features[l].get(k * each + i));
        }
        parts[static_cast<std::size_t>(k)].push_back(std::move(maps));
      }
    }
    for (const ShardFeatures& part : parts) pointers.push_back(&part);
    Learner sharded(planted.specs(), config, pointers, CpuStream(2));
    const Snapshot s = run(sharded);
    for (std::size_t l = 0; l < 3; ++l) {
      CAPTURE(shards);
      CAPTURE(l);
      double most = 0;
      for (std::size_t n = 0; n < s.layers[l].mu_h.size(); ++n) {
        most = std::max(
            most, std::abs(static_cast<double>(s.layers[l].mu_h[n] - whole.layers[l].mu_h[n])));
      }
      CHECK(most < 1e-4);
      CHECK(s.layers[l].edges == whole.layers[l].edges);
    }
  }
}

TEST_CASE("explanatory graph: a checkpoint between any two passes gives the same graph") {
  Planted planted(22);
  const Planted::Images images = planted.draw(12);
  Config config;
  SUBCASE("default") {}
  SUBCASE("refined") {
    config = preset("refined");
    config.least_likeness = 0.3;
  }
  config.candidates = 40;
  config.iterations = 3;
  Learner learner(planted.specs(), config, {&images.features}, CpuStream(2));
  std::vector<Snapshot> between;
  while (!learner.done()) {
    between.push_back(learner.snapshot());
    (void)learner.step();
  }
  CHECK(static_cast<std::int64_t>(between.size()) == learner.passes());
  for (Snapshot& s : between) {
    Learner later(planted.specs(), config, {&images.features}, CpuStream(1));
    later.resume(std::move(s));
    const Snapshot end = run(later);
    for (std::size_t l = 0; l < 3; ++l) {
      CHECK(end.layers[l].mu_w == learner.snapshot().layers[l].mu_w);
      CHECK(end.layers[l].edges == learner.snapshot().layers[l].edges);
      CHECK(end.layers[l].mean_total == learner.snapshot().layers[l].mean_total);
    }
  }
  Learner later(planted.specs(), config, {&images.features}, CpuStream(1));
  Snapshot wrong = learner.snapshot();
  wrong.layers[2].mean_h.pop_back();
  CHECK_THROWS_AS(later.resume(wrong), Error);
}

TEST_CASE("explanatory graph: concordant parents, and none where nothing agrees") {
  // A top filter whose blob wanders; below it a filter that goes with it, one that does not move
  // with anything, and one that is silent.
  const std::vector<LayerSpec> specs{{"low", 3, 14, 2, 0.1, 16, 7.5},
                                     {"top", 1, 14, 2, 0.1, 16, 7.5}};
  std::mt19937 random(9);
  const auto step = [&] { return static_cast<double>(random() % 1000) / 1000 * 3 - 1.5; };
  ShardFeatures features;
  for (const LayerSpec& s : specs) features.emplace_back(40, s.filters, s.size);
  for (std::int64_t i = 0; i < 40; ++i) {
    const double h = step(), w = step(), own_h = step(), own_w = step();
    const auto blob = [](std::vector<float>& to, double at_h, double at_w) {
      for (int j = 0; j < 196; ++j) {
        const double far = std::pow(j / 14 - at_h, 2) + std::pow(j % 14 - at_w, 2);
        to.push_back(static_cast<float>(std::exp(-far)));
      }
    };
    std::vector<float> low, top;
    blob(low, 9 + h, 4 + w);
    blob(low, 6 + own_h, 6 + own_w);
    low.resize(3 * 196);
    blob(top, 7 + h, 7 + w);
    features[0].set(i, low);
    features[1].set(i, top);
  }
  Config config = preset("refined");
  config.parents = 2;
  config.least_likeness = 0.5;
  const std::vector<Positions> first{{{9, 9, 6, 6, 3, 3}, {4, 4, 6, 6, 3, 3}}, {{7, 6.5f}, {7, 7}}};
  Learner learner(specs, config, {&features}, CpuStream(2), first);
  const Snapshot s = run(learner);
  const ExplanatoryGraph graph = learner.graph();
  CHECK_NOTHROW(validate(graph));
  CHECK(graph.layers[0].parents == 2);
  const auto& edges = graph.layers[0].edges;
  for (std::size_t j = 0; j < 4; ++j) CHECK(edges[j] >= 0);
  for (std::size_t j = 4; j < 12; ++j) CHECK(edges[j] == -1);
  // The mean of the candidates is not bound to their grid: nearer to the blob than their distance.
  double error = 0;
  double of_parent = 0;
  for (std::int64_t i = 0; i < 40; ++i) {
    error +=
        std::abs(static_cast<double>(s.records[0][0].h.at(0, i) - s.records[1][0].h.at(0, i)) - 2) /
        40;
    of_parent +=
        std::abs(static_cast<double>(s.records[1][0].h.at(0, i) - s.layers[1].mean_h[0])) / 40;
  }
  CHECK(of_parent > 0.4);
  CHECK(error < 0.4);
  // A node without parents is found where it would be as a node of the top layer.
  const std::vector<Records> found = infer(graph, features, CpuStream(1));
  CHECK(found[0].h.at(2, 5) == s.records[0][0].h.at(2, 5));
  CHECK(found[0].peak.at(4, 5) == 0);

  config.likeness = Likeness::kAffinity;
  CHECK_THROWS_AS(validate(config), Error);  // affinities have no scale
  CHECK(parse_place(to_string(Place::kMean)) == Place::kMean);
  CHECK(parse_likeness(to_string(Likeness::kConcordance)) == Likeness::kConcordance);
  CHECK_THROWS_AS((void)parse_place("middle"), Error);
  CHECK_THROWS_AS((void)parse_likeness("affinities"), Error);
  CHECK_THROWS_AS((void)preset("refine"), Error);
}

TEST_CASE("explanatory graph: empty maps, one image, more candidates than nodes") {
  const std::vector<LayerSpec> specs{{"low", 2, 14, 20, 0.1, 16, 7.5},
                                     {"top", 2, 14, 3, 0.1, 16, 7.5}};
  ShardFeatures features;
  std::mt19937 random(3);
  for (const LayerSpec& s : specs) {
    features.emplace_back(1, s.filters, s.size);
    std::vector<float> values(static_cast<std::size_t>(2 * 196));
    for (std::size_t j = 196; j < values.size(); ++j)
      values[j] = static_cast<float>(random() % 100) / 100;
    features.back().set(0, values);  // filter 0 is silent
  }
  Learner learner(specs, Config{}, {&features}, CpuStream(2));
  const Snapshot s = run(learner);
  const ExplanatoryGraph graph = learner.graph();
  CHECK_NOTHROW(validate(graph));
  const Positions first = random_positions(specs[1], 1, 0.3, 0);
  for (std::size_t n = 0; n < 3; ++n) {
    CHECK(s.layers[1].mu_h[n] == first.h[n]);
    CHECK(s.layers[1].delta[n] == doctest::Approx(1 / std::sqrt(0.1) / 10));
    CHECK(s.layers[1].mean_total[n] == 0);
    CHECK(s.records[1][0].peak.at(static_cast<std::int64_t>(n), 0) == 0);
  }
  CHECK(graph.layers[0].parents <= 6);
  CHECK_THROWS_AS(validate(LayerSpec{"tiny", 1, 3, 1, 0.1, 16, 0}), Error);
  Config bad;
  bad.noise = 0;
  CHECK_THROWS_AS(Learner(specs, bad, {&features}, CpuStream(1)), Error);
}

TEST_CASE("explanatory graph: halves, ranking and the likelihood") {
  std::mt19937 random(1);
  const LayerSpec spec{"maps", 3, 14, 20, 0.1, 16, 7.5};
  FeatureMaps half(2, 3, 14, FeatureMaps::Storage::kHalf);
  std::vector<float> values;
  for (int j = 0; j < 3 * 196; ++j)
    values.push_back(static_cast<float>(random() % 10000) / 999.0f - 2);
  half.set(1, values);
  const std::vector<float> back = half.get(1);
  for (std::size_t j = 0; j < values.size(); ++j) {
    const float want = std::max(0.0f, values[j]);
    CHECK(std::abs(back[j] - want) <= want * 0x1p-11f);
  }
  for (const float v : half.get(0)) CHECK(v == 0);
  const float special[] = {0.0f, 65504.0f, 1e9f, 6e-8f, 3e-8f, 6.1e-5f, 1.0f};
  std::uint16_t bits[7];
  kernels::floats_to_halves(special, bits, 7);
  CHECK(bits[1] == 0x7bff);
  CHECK(bits[2] == 0x7bff);
  CHECK(bits[3] == 1);
  CHECK(bits[6] == 0x3c00);

  Planted planted(23);
  const Planted::Images images = planted.draw(40);
  Config config;
  config.candidates = 60;
  config.jitter = 0;
  Learner learner(planted.specs(), config, {&images.features}, CpuStream(2));
  learner.watch_likelihood(true);
  std::vector<double> likelihood[3], movement[3];
  while (!learner.done()) {
    const PassReport r = learner.step();
    if (r.last) continue;
    likelihood[r.layer].push_back(r.likelihood);
    movement[r.layer].push_back(r.movement);
  }
  for (std::size_t l = 0; l < 3; ++l) {
    // Values at passes 2, 5, 10 and 20 rise, and nodes come to rest.
    CAPTURE(l);
    CHECK(likelihood[l][4] > likelihood[l][1]);
    CHECK(likelihood[l][9] > likelihood[l][4]);
    CHECK(likelihood[l][19] > likelihood[l][9] - 1e-3);
    CHECK(movement[l][19] < 0.25 * movement[l][0]);
  }
  Records records(1, 4);
  for (int i = 0; i < 4; ++i) records.total.row(0)[i] = static_cast<float>(i);
  Reducer alone;
  CHECK(rank_nodes({&records, 1}, 2, 0.5, alone)[0] == doctest::Approx(5));
  CHECK(usual_best(100) == 20);
  CHECK(usual_best(10) == 3);
}
