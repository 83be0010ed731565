#include <doctest/doctest.h>

#include <random>

#include "explain/graph/infer.h"
#include "explain/graph/learn.h"
#include "tests/shim/fake_device.h"

// Learning and inference on a CUDA stream, to the last copy, without CUDA: the same graph as on the
// CPU, bit for bit.
namespace {

using namespace cutaway;
using namespace cutaway::explain::graph;

const std::vector<LayerSpec> kSpecs{{"low", 2, 14, 5, 0.1, 8, 3.5},
                                    {"middle", 3, 7, 3, 0.2, 16, 7.5},
                                    {"top", 2, 7, 4, 0.2, 16, 7.5}};

/// A blob that wanders, on every map, and noise.
ShardFeatures draw(std::uint32_t seed, std::int64_t images, FeatureMaps::Storage storage) {
  std::mt19937 random(seed);
  const auto real = [&] { return static_cast<float>(random() >> 8) * 0x1p-24f; };
  ShardFeatures features;
  for (const LayerSpec& s : kSpecs) features.emplace_back(images, s.filters, s.size, storage, true);
  for (std::int64_t i = 0; i < images; ++i) {
    const float at_h = 40 + 30 * real(), at_w = 40 + 30 * real();
    for (std::size_t l = 0; l < kSpecs.size(); ++l) {
      for (const bool mirrored : {false, true}) {
        std::vector<float> values;
        for (std::int64_t d = 0; d < kSpecs[l].filters; ++d) {
          for (std::int64_t j = 0; j < kSpecs[l].size * kSpecs[l].size; ++j) {
            const auto h =
                static_cast<float>(kSpecs[l].pixel(static_cast<double>(j / kSpecs[l].size)));
            const auto w =
                static_cast<float>(kSpecs[l].pixel(static_cast<double>(j % kSpecs[l].size)));
            const float x = mirrored ? 112 - at_w : at_w;
            const float far = (h - at_h) * (h - at_h) + (w - x) * (w - x);
            values.push_back(std::exp(-far / 300) + 0.2f * (real() - 0.5f));
          }
        }
        features[l].set(i, values, mirrored);
      }
    }
  }
  return features;
}

class Twice final : public Reducer {};  // not alone, as far as learning knows

Snapshot learn(const Config& config,
               const std::vector<const ShardFeatures*>& shards,
               const Stream& stream,
               Reducer* reducer,
               std::vector<PassReport>& reports) {
  Learner learner(kSpecs, config, shards, stream, {}, reducer);
  learner.watch_likelihood(true);
  while (!learner.done()) reports.push_back(learner.step());
  return learner.snapshot();
}

void compare(const Records& a, const Records& b) {
  REQUIRE(a.nodes() == b.nodes());
  std::size_t other = 0;
  for (std::int64_t n = 0; n < a.nodes(); ++n) {
    for (std::int64_t i = 0; i < a.h.stride(); ++i) {
      other += a.h.row(n)[i] != b.h.row(n)[i] || a.w.row(n)[i] != b.w.row(n)[i] ||
               a.peak.row(n)[i] != b.peak.row(n)[i] || a.total.row(n)[i] != b.total.row(n)[i];
    }
  }
  CHECK(other == 0);
}

void compare(const Snapshot& a, const Snapshot& b) {
  CHECK(a.mirror == b.mirror);
  for (std::size_t l = 0; l < kSpecs.size(); ++l) {
    CAPTURE(l);
    CHECK(a.layers[l].mu_h == b.layers[l].mu_h);
    CHECK(a.layers[l].mu_w == b.layers[l].mu_w);
    CHECK(a.layers[l].delta == b.layers[l].delta);
    CHECK(a.layers[l].edges == b.layers[l].edges);
    CHECK(a.layers[l].rank == b.layers[l].rank);
    for (std::size_t s = 0; s < a.records[l].size(); ++s) compare(a.records[l][s], b.records[l][s]);
  }
}

}  // namespace

TEST_CASE("graph on a device: learning and inference are the CPU's, bit for bit") {
  const Stream cpu = CpuStream(2, CpuLevel::kBaseline);
  const Stream device = CudaStream(0);
  for (int variant = 0; variant < 6; ++variant) {
    CAPTURE(variant);
    Config config = preset(variant == 3 ? "authors" : variant > 3 ? "refined" : "default");
    if (variant == 5) config.least_likeness = 0.3;
    config.parents = 3;
    config.candidates = 8;
    config.iterations = 3;
    config.flips = variant == 1 || variant == 4;
    config.restarts = config.flips ? 2 : 1;
    const auto storage = variant == 2 ? FeatureMaps::Storage::kHalf : FeatureMaps::Storage::kFloat;
    const ShardFeatures first = draw(1, 9, storage);
    const ShardFeatures second = draw(2, 4, storage);
    std::vector<const ShardFeatures*> shards{&first};
    if (variant == 2 || variant == 5) shards.push_back(&second);
    Twice twice;
    Reducer* reducer = variant == 1 ? &twice : nullptr;
    std::vector<PassReport> expected_reports, reports;
    const Snapshot expected = learn(config, shards, cpu, reducer, expected_reports);
    const std::size_t before = shim::kernels_run();
    const Snapshot got = learn(config, shards, device, reducer, reports);
    CHECK(shim::kernels_run() > before + 3 * 4);
    CHECK(shim::stray_pointers() == 0);
    compare(got, expected);
    REQUIRE(reports.size() == expected_reports.size());
    for (std::size_t r = 0; r < reports.size(); ++r) {
      CHECK(reports[r].movement == expected_reports[r].movement);
      CHECK(reports[r].likelihood == doctest::Approx(expected_reports[r].likelihood).epsilon(1e-9));
    }

    ExplanatoryGraph graph{config, got.layers};
    const ShardFeatures fresh = draw(3, 5, storage);
    const std::vector<std::uint8_t> turned =
        config.flips ? orientations(graph, fresh, device) : std::vector<std::uint8_t>{};
    if (config.flips) CHECK(turned == orientations(graph, fresh, cpu));
    const std::vector<Records> found = infer(graph, fresh, device, turned);
    const std::vector<Records> wanted = infer(graph, fresh, cpu, turned);
    for (std::size_t l = 0; l < kSpecs.size(); ++l) compare(found[l], wanted[l]);
    CHECK(shim::stray_pointers() == 0);
  }
}
