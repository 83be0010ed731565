#include <doctest/doctest.h>

#include <array>

#include "explain/graph/infer.h"
#include "explain/graph/instability.h"
#include "explain/graph/part_template.h"
#include "explain/graph/ranking.h"
#include "tests/explain/graph_planted.h"

using namespace cutaway;
using namespace cutaway::explain::graph;
using cutaway::tests::distance;
using cutaway::tests::Planted;
using cutaway::tests::PlantedScore;
using cutaway::tests::Point;
using cutaway::tests::score_layer;

namespace {

Config planted_config(std::uint64_t seed, const Config& of = {}) {
  Config config = of;
  config.candidates = 60;
  config.jitter = 0;
  config.seed = seed;
  return config;
}

struct Learned {
  ExplanatoryGraph graph;
  std::vector<Records> records;
};

Learned learn(const Planted& planted, const ShardFeatures& features, const Config& config) {
  Learner learner(planted.specs(), config, {&features}, CpuStream(2));
  while (!learner.done()) (void)learner.step();
  Learned learned{learner.graph(), {}};
  for (const auto& shards : learner.snapshot().records) learned.records.push_back(shards.front());
  return learned;
}

/// The 16 best nodes by the mean of their 25 largest scores.
std::vector<std::int64_t> top_nodes(const Layer& layer, const Records& records) {
  Reducer alone;
  Layer ranked = layer;
  ranked.rank = rank_nodes({&records, 1}, 25, layer.score_unit, alone);
  const std::vector<std::int32_t> order = by_rank(ranked);
  return {order.begin(), order.begin() + 16};
}

struct Purity {
  double all{0}, top{0};
};

/// Share of edges, both ends on their parts, that join parts of one group; and of those below top
/// nodes.
Purity purity(const Planted& planted,
              const Layer& layer,
              const PlantedScore& child,
              const PlantedScore& parent,
              std::size_t l) {
  double good[2] = {0, 0};
  double count[2] = {0, 0};
  for (std::int64_t n = 0; n < layer.count(); ++n) {
    const auto node = static_cast<std::size_t>(n);
    if (child.hit[node] < 0.7) continue;
    const std::size_t group = Planted::group(n / layer.spec.nodes, child.part[node]);
    const bool top = std::ranges::find(child.top, n) != child.top.end();
    for (std::int64_t j = 0; j < layer.parents; ++j) {
      const std::int32_t edge = layer.edges[static_cast<std::size_t>(n * layer.parents + j)];
      if (edge < 0) continue;
      const auto e = static_cast<std::size_t>(edge);
      if (parent.hit[e] < 0.7) continue;
      const auto filter = static_cast<std::int64_t>(e) / planted.specs()[l + 1].nodes;
      const bool same = Planted::group(filter, parent.part[e]) == group;
      for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) {
        if (k == 1 && !top) continue;
        good[k] += same ? 1 : 0;
        count[k] += 1;
      }
    }
  }
  return {good[0] / count[0], good[1] / count[1]};
}

Landmark landmark(const Planted::Images& images, std::size_t group) {
  Landmark k;
  for (const auto& centers : images.centers)
    k.push_back(PixelPoint{centers[group].h, centers[group].w});
  return k;
}

/// What a graph of planted parts is measured by.
struct PlantedTable {
  double hit[3]{0, 0, 0}, error[3]{0, 0, 0}, pure[2]{0, 0};  // means over the seeds
};

/// `places`: thresholds of places are checked besides those of edges.
PlantedTable check_planted(const Config& config, bool places) {
  CAPTURE(to_string(config.place));
  CAPTURE(to_string(config.likeness));
  PlantedTable table;
  // Thresholds of the specification, whose prototype measured these with a margin over its own
  // eight seeds.
  const double hit[3] = {0.93, 0.90, 0.72};
  const double error[3] = {6, 10, 13.5};
  const double pure[2] = {0.94, 0.97};
  const double ratio[3] = {0.60, 0.73, 0.76};
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    Planted planted(seed);
    const Planted::Images images = planted.draw(100);
    const Learned learned = learn(planted, images.features, planted_config(seed, config));
    const std::vector<Landmark> landmarks{landmark(images, 0), landmark(images, 1)};
    std::vector<PlantedScore> scores;
    for (std::size_t l = 0; l < 3; ++l) {
      CAPTURE(l);
      const Layer& layer = learned.graph.layers[l];
      const auto top = top_nodes(layer, learned.records[l]);
      scores.push_back(score_layer(planted, images, l, learned.records[l], top));
      if (places) {
        CHECK(scores[l].top_hit >= hit[l]);
        CHECK(scores[l].top_error <= error[l]);
        CHECK(scores[l].covered >= 15);
      }
      table.hit[l] += scores[l].top_hit / 8;
      table.error[l] += scores[l].top_error / 8;
      const double graph =
          mean_instability(layer.spec, learned.records[l], {top.begin(), top.end()}, landmarks, {});
      const Records raw = raw_filters(images.features[l]);
      std::vector<std::int32_t> all(Planted::kFilters);
      for (std::size_t c = 0; c < all.size(); ++c) all[c] = static_cast<std::int32_t>(c);
      const double filters = mean_instability(layer.spec, raw, all, landmarks, {});
      CAPTURE(graph);
      if (places) CHECK(graph <= ratio[l] * filters);
    }
    for (std::size_t l = 0; l < 2; ++l) {
      CAPTURE(l);
      const Purity p = purity(planted, learned.graph.layers[l], scores[l], scores[l + 1], l);
      CHECK(p.all >= pure[l]);
      CHECK(p.top >= 0.98);
      table.pure[l] += p.all / 8;
    }
  }
  return table;
}

}  // namespace

TEST_CASE("explanatory graph: planted parts are found, joined and stable, for eight seeds") {
  const PlantedTable standard = check_planted({}, true);
  // Places are the mean of all candidates, hence nearer to where they are expected: parts that
  // wander as far as these are followed less (hit rates of 0.64, 0.87, 0.94 in place of 0.79, 0.97,
  // 0.99), but edges are as pure.
  const PlantedTable refined = check_planted(preset("refined"), false);
  for (std::size_t l = 0; l < 2; ++l) {
    CAPTURE(l);
    CHECK(refined.pure[l] >= standard.pure[l]);
  }
}

TEST_CASE("explanatory graph: edges help") {
  // Without parents a node sees only its own window: 0.807 and 0.744 were measured, against 0.969
  // and 0.987.
  double gain[2] = {0, 0};
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Planted planted(seed);
    const Planted::Images images = planted.draw(100);
    const Learned with = learn(planted, images.features, planted_config(seed));
    for (std::size_t l = 0; l < 2; ++l) {
      // A graph of this layer alone has no edges.
      const ShardFeatures own{images.features[l]};
      Learner alone({planted.specs()[l]}, planted_config(seed), {&own}, CpuStream(2));
      while (!alone.done()) (void)alone.step();
      const Records& records = alone.snapshot().records[0][0];
      const Layer layer = alone.graph().layers[0];
      const double without =
          score_layer(planted, images, l, records, top_nodes(layer, records)).top_hit;
      const auto top = top_nodes(with.graph.layers[l], with.records[l]);
      gain[l] += (score_layer(planted, images, l, with.records[l], top).top_hit - without) / 3;
    }
  }
  CHECK(gain[1] >= 0.08);
  CHECK(gain[0] >= 0.12);
}

TEST_CASE("explanatory graph: new images of the object, and parts shown three times") {
  Planted planted(11);
  const Planted::Images train = planted.draw(100);
  const Planted::Images fresh = planted.draw(50);
  const Learned learned = learn(planted, train.features, planted_config(11));
  const std::vector<Records> found = infer(learned.graph, fresh.features, CpuStream(2));
  const double hit[3] = {0.88, 0.85, 0.67};
  for (std::size_t l = 0; l < 3; ++l) {
    CAPTURE(l);
    const auto top = top_nodes(learned.graph.layers[l], learned.records[l]);
    CHECK(score_layer(planted, fresh, l, found[l], top).top_hit >= hit[l]);
  }
  double error = 0;
  double baseline = 0;
  double count = 0;
  for (std::int64_t c = 0; c < Planted::kFilters; ++c) {
    for (std::size_t p = 0; p < Planted::kParts; ++p) {
      std::vector<Shot> shots;
      Point mean;
      for (std::int64_t i = 0; i < 100 && shots.size() < 3; ++i) {
        const std::size_t at = Planted::truth_index(i, 0, c, p);
        if (!train.present[at]) continue;
        shots.push_back({i, {train.parts[at].h, train.parts[at].w}});
        mean.h += train.parts[at].h / 3;
        mean.w += train.parts[at].w / 3;
      }
      const PartTemplates templates(learned.graph, learned.records, shots);
      for (std::int64_t i = 0; i < 50; ++i) {
        const std::size_t at = Planted::truth_index(i, 0, c, p);
        if (!fresh.present[at]) continue;
        const Located where = templates.locate(learned.graph, found, i, 224);
        error += distance({where.at.h, where.at.w}, fresh.parts[at]);
        baseline += distance(mean, fresh.parts[at]);
        count += 1;
      }
    }
  }
  const double diagonal = 224 * std::sqrt(2.0);
  CHECK(error / count / diagonal <= 0.055);
  CHECK(error <= 0.75 * baseline);
}

TEST_CASE("explanatory graph: mirrored images are turned") {
  // One layer; the best of three starts. Which way counts as unmirrored is arbitrary.
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto uniform = [&](double a, double b) {
      return std::uniform_real_distribution<double>(a, b)(random);
    };
    const LayerSpec spec{"top", 8, 14, 20, 0.1, 16, 7.5};
    std::vector<std::array<Point, 2>> places;
    for (int c = 0; c < 8; ++c) {
      Point a{uniform(52, 172), uniform(52, 172)};
      Point b = a;
      while (distance(a, b) < 48) b = {uniform(52, 172), uniform(52, 172)};
      places.push_back({a, b});
    }
    ShardFeatures features;
    features.emplace_back(100, 8, 14, FeatureMaps::Storage::kFloat, true);
    std::vector<bool> mirrored;
    for (std::int64_t i = 0; i < 100; ++i) {
      const Point t{uniform(-12, 12), uniform(-12, 12)};
      const std::array<Point, 2> g{Point{uniform(-8, 8), uniform(-8, 8)},
                                   Point{uniform(-8, 8), uniform(-8, 8)}};
      std::vector<float> values, turned;
      for (std::size_t c = 0; c < 8; ++c) {
        std::vector<Point> seen;
        for (std::size_t p = 0; p < 2; ++p) {
          const Point& group = g[(p + c) % 2];
          if (uniform(0, 1) >= 0.1)
            seen.push_back({places[c][p].h + t.h + group.h, places[c][p].w + t.w + group.w});
          seen.push_back({uniform(12, 212), uniform(12, 212)});
        }
        for (std::int64_t h = 0; h < 14; ++h) {
          for (std::int64_t w = 0; w < 14; ++w) {
            double v = 0.05 * uniform(0, 1);
            for (const Point& s : seen) {
              const double d = distance(
                  s, {spec.pixel(static_cast<double>(h)), spec.pixel(static_cast<double>(w))});
              v += std::exp(-d * d / (2 * 0.81 * 256));
            }
            values.push_back(v > 0.05 ? static_cast<float>(v) : 0.0f);
          }
        }
      }
      for (std::size_t row = 0; row < values.size(); row += 14) {
        turned.insert(turned.end(), values.rend() - static_cast<std::ptrdiff_t>(row) - 14,
                      values.rend() - static_cast<std::ptrdiff_t>(row));
      }
      mirrored.push_back(uniform(0, 1) < 0.5);
      features[0].set(i, mirrored.back() ? turned : values, false);
      features[0].set(i, mirrored.back() ? values : turned, true);
    }
    for (const Orientation criterion : {Orientation::kSum, Orientation::kLog}) {
      CAPTURE(to_string(criterion));
      Config config = planted_config(seed);
      config.flips = true;
      config.restarts = 3;
      config.orientation = criterion;
      Learner learner({spec}, config, {&features}, CpuStream(2));
      while (!learner.done()) (void)learner.step();
      double agree = 0;
      for (std::size_t i = 0; i < 100; ++i) {
        agree += (learner.snapshot().mirror[0][i] != 0) == mirrored[i] ? 0.01 : 0;
      }
      CHECK(std::max(agree, 1 - agree) >= 0.93);
    }
  }
}
