#include "explain/graph/evaluation/evaluate_graph.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "explain/graph/evaluation/few_shots.h"
#include "explain/graph/instability.h"
#include "tests/tools/graph_scene.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::blank_scene;
namespace graph = cutaway::explain::graph;

namespace {

constexpr std::int64_t kNodes = 8, kCells = 10;

/// Pictures of 80 pixels with two parts. Nodes and filters are about a part, the better the
/// higher they score; a picture has a quality that all of them share, so that their errors depend
/// on each other as those of real ones do.
void fill(Scene& scene, std::int64_t images, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  scene.side = 80;
  graph::Layer layer;
  layer.spec = {"maps", kNodes, kCells, 1, 0.1, 8, 3.5};
  layer.mean_total.assign(kNodes, 1.0f);
  scene.package.graph.layers = {layer};
  scene.records = {graph::Records(kNodes, images)};
  scene.plain = {graph::Records(kNodes, images)};
  scene.features.objects.clear();
  scene.features.maps.clear();
  scene.features.maps.emplace_back(images, kNodes, kCells);
  for (std::int64_t i = 0; i < images; ++i) {
    const double quality = normal(engine);
    const double part[2][2] = {{28 + 8 * normal(engine), 28 + 8 * normal(engine)},
                               {56 + 5 * normal(engine), 50 + 5 * normal(engine)}};
    ObjectEntry object;
    object.box = {0, 0, 79, 79};
    for (int p = 0; p < 2; ++p) {
      const double y = part[p][0], x = part[p][1];
      const bool seen = std::generate_canonical<double, 30>(engine) < 0.8;
      object.parts.push_back({p == 0 ? "ear" : "foot", {x - 7, y - 7, x + 7, y + 7}, x, y, seen});
    }
    scene.features.objects.push_back(object);
    std::vector<float> maps(kNodes * kCells * kCells);
    for (std::int64_t n = 0; n < kNodes; ++n) {
      const double* at = part[n % 2];
      for (graph::Records* r : {scene.records.data(), scene.plain.data()}) {
        const double score = std::exp(0.5 * (normal(engine) + 0.7 * quality));
        const double noise = 9.0 * std::pow(score, -0.5) * std::exp(-0.3 * quality);
        r->h.row(n)[i] = static_cast<float>((at[0] + noise * normal(engine) - 3.5) / 8);
        r->w.row(n)[i] = static_cast<float>((at[1] + noise * normal(engine) - 3.5) / 8);
        r->total.row(n)[i] = r->peak.row(n)[i] = static_cast<float>(score);
      }
      const auto cell = static_cast<std::size_t>(engine() % (kCells * kCells));
      maps[static_cast<std::size_t>(n) * kCells * kCells + cell] =
          static_cast<float>(std::exp(normal(engine)));
    }
    scene.features.maps[0].set(i, maps);
  }
}

/// How often the intervals of a measure hold what it is on average, over simulated data.
class Coverage {
 public:
  void add(std::size_t measure, const Interval& found) {
    if (measure >= found_.size()) found_.resize(measure + 1);
    found_[measure].push_back(found);
  }
  void check(const std::vector<const char*>& names) const {
    REQUIRE(found_.size() == names.size());
    for (std::size_t m = 0; m < names.size(); ++m) {
      double truth = 0;
      for (const Interval& i : found_[m]) truth += i.value / static_cast<double>(found_[m].size());
      int held = 0;
      for (const Interval& i : found_[m]) {
        REQUIRE(i.known());
        // Its own estimate lies inside; intervals of a bootstrap of instability did not.
        CHECK(i.low <= i.value);
        CHECK(i.value <= i.high);
        held += i.low <= truth && truth <= i.high ? 1 : 0;
      }
      const double share = static_cast<double>(held) / static_cast<double>(found_[m].size());
      MESSAGE(std::string(names[m]) << ": " << share);
      CHECK_MESSAGE(share >= 0.92, names[m]);
      // Ratios, shares of a fixed number of pictures and few shots have wider intervals than needed:
      // what is left out moves them more than other pictures would.
      if (names[m][0] != '~') CHECK_MESSAGE(share <= 0.98, names[m]);
    }
  }

 private:
  std::vector<std::vector<Interval>> found_;
};

std::string three_places(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", v);
  return text;
}

}  // namespace

TEST_CASE(
    "graph evaluation: intervals hold in 92 % of data sets or more, and 98 % at most but for "
    "ratios") {
  constexpr int kTrials = 1000;  // standard error of a coverage of 95 %: 0.7 %
  Scene scene = blank_scene();
  GraphEvaluationOptions options;
  options.repeats = 0;
  Coverage coverage;
  for (int t = 0; t < kTrials; ++t) {
    fill(scene, 40, static_cast<std::uint64_t>(t));
    const GraphEvaluation e = evaluate_graph(scene, options);
    coverage.add(0, e.mean.graph);
    coverage.add(1, e.mean.plain);
    coverage.add(2, e.mean.normalized);
    coverage.add(3, e.mean.over_plain);
    coverage.add(4, e.mean.over_normalized);
    coverage.add(5, e.mean.still);
    coverage.add(6, e.follow[0].graph);
    coverage.add(7, e.hits[0].hit);
    coverage.add(8, e.discs[0].graph);
  }
  coverage.check({"instability", "of plain filters", "of normalised filters", "~over plain filters",
                  "over normalised filters", "held still", "following", "hit rate", "~discs"});
}

TEST_CASE("graph evaluation: intervals of few shots hold their distance") {
  constexpr int kTrials = 500;  // standard error: 1 %
  Scene scene = blank_scene();
  GraphEvaluationOptions options;
  options.repeats = 6;
  Coverage coverage;
  for (int t = 0; t < kTrials; ++t) {
    fill(scene, 24, 5000 + static_cast<std::uint64_t>(t));
    const ShotRow row = measure_shots(scene, {"ear"}, options).at(0);
    coverage.add(0, row.graph.distance);
    coverage.add(1, row.mean.distance);
  }
  coverage.check({"~by nodes", "~by the mean place"});
}

TEST_CASE("graph evaluation: what is printed is what was measured; no samples, no intervals") {
  Scene scene = blank_scene();
  fill(scene, 40, 7);
  GraphEvaluationOptions options;
  options.repeats = 2;
  options.nodes = 5;
  const GraphEvaluation e = evaluate_graph(scene, options);
  // By the plain formula, from the nodes' places.
  const std::vector<graph::Landmark> landmarks{scene.landmark("ear"), scene.landmark("foot")};
  const auto naive = [&](const graph::Records& records) {
    std::vector<std::pair<double, std::int32_t>> ranked;
    for (std::int32_t n = 0; n < kNodes; ++n) {
      std::vector<float> scores(records.total.row(n), records.total.row(n) + 40);
      std::ranges::sort(scores, std::greater<>());
      ranked.emplace_back(-std::accumulate(scores.begin(), scores.begin() + 20, 0.0), n);
    }
    std::ranges::sort(ranked);
    double sum = 0;
    for (std::size_t k = 0; k < 5; ++k) {
      for (const graph::Landmark& landmark : landmarks) {
        sum += graph::instability(scene.graph().layers[0].spec, records, ranked[k].second, landmark,
                                  {20, 80, false}) /
               10;
      }
    }
    return sum;
  };
  REQUIRE(e.instability.size() == 1);
  const InstabilityRow& row = e.instability[0];
  CHECK(row.graph.value == doctest::Approx(naive(scene.records[0])).epsilon(1e-12));
  CHECK(row.plain.value == doctest::Approx(naive(scene.plain[0])).epsilon(1e-12));
  CHECK(row.normalized.value ==
        doctest::Approx(naive(graph::raw_filters(scene.features.maps[0]))).epsilon(1e-12));
  CHECK(row.over_plain.value == doctest::Approx(row.graph.value / row.plain.value));
  CHECK(row.over_normalized.value == doctest::Approx(row.graph.value / row.normalized.value));
  CHECK(row.stricter().value == std::max(row.over_plain.value, row.over_normalized.value));
  CHECK(e.mean.graph.value == doctest::Approx(row.graph.value));
  const std::string text = to_text(e);
  for (const Interval& i : {row.graph, row.normalized, row.plain, row.random, row.still,
                            row.over_plain, e.follow[0].graph, e.follow[0].plain, e.hits[0].hit,
                            e.hits[0].plain, e.discs[0].graph, e.shots[0].graph.distance}) {
    const std::string cell =
        three_places(i.value) + " [" + three_places(i.low) + ", " + three_places(i.high) + "]";
    CHECK_MESSAGE(text.find(cell) != std::string::npos, cell);
  }
  options.samples = 0;
  const GraphEvaluation bare = evaluate_graph(scene, options);
  CHECK(bare.mean.graph.value == e.mean.graph.value);
  CHECK_FALSE(bare.mean.graph.known());
  const std::string plain_text = to_text(bare);
  CHECK(plain_text.find('[') == std::string::npos);
  CHECK(plain_text.find(three_places(row.graph.value)) != std::string::npos);
}
