#include "explain/graph/orientation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "explain/graph/infer.h"
#include "explain/graph/learn.h"
#include "runtime/error.h"

using namespace cutaway;
using namespace cutaway::explain::graph;

namespace {

const std::vector<LayerSpec> kSpecs{{"low", 2, 14, 5, 0.1, 8, 3.5}, {"top", 3, 7, 4, 0.2, 16, 7.5}};

/// A blob in the left half that wanders a little, mirrored in every other image.
ShardFeatures draw(std::int64_t images, std::int64_t begin = 0) {
  ShardFeatures features;
  for (const LayerSpec& s : kSpecs)
    features.emplace_back(images, s.filters, s.size, FeatureMaps::Storage::kFloat, true);
  for (std::int64_t i = 0; i < images; ++i) {
    std::mt19937 random(static_cast<std::uint32_t>(begin + i));
    const auto real = [&] { return static_cast<double>(random() >> 8) * 0x1p-24; };
    const double at_h = 50 + 12 * real();
    const double at_w = 22 + 12 * real();
    const bool turned = (begin + i) % 2 == 1;
    for (std::size_t l = 0; l < kSpecs.size(); ++l) {
      const LayerSpec& s = kSpecs[l];
      for (const bool mirrored : {false, true}) {
        std::vector<float> values;
        for (std::int64_t d = 0; d < s.filters; ++d) {
          for (std::int64_t j = 0; j < s.size * s.size; ++j) {
            const double h = s.pixel(static_cast<double>(j / s.size));
            double w = s.pixel(static_cast<double>(j % s.size));
            if (mirrored != turned) w = 111 - w;
            const double far = std::hypot(h - at_h, w - at_w - 8 * static_cast<double>(d));
            values.push_back(static_cast<float>(std::exp(-far * far / 300) + 0.02 * real()));
          }
        }
        features[l].set(i, values, mirrored);
      }
    }
  }
  return features;
}

Config small(const char* name) {
  Config config = preset(name);
  config.parents = 3;
  config.candidates = 12;
  config.iterations = 4;
  config.flips = true;
  config.restarts = 2;
  return config;
}

Snapshot run(Learner& learner) {
  while (!learner.done()) (void)learner.step();
  return learner.snapshot();
}

}  // namespace

TEST_CASE("graph orientation: sums let a strong node decide, logarithms all nodes") {
  // One node of 100 against 60 for the mirror, three of 2 against 6 for the image as it is; the
  // second image is silent, the third has one node alone.
  Records as_is(4, 3), mirrored(4, 3);
  const float seen[2][4] = {{60, 6, 6, 6}, {100, 2, 2, 2}};
  for (std::int64_t n = 0; n < 4; ++n) {
    as_is.total.row(n)[0] = seen[0][n];
    mirrored.total.row(n)[0] = seen[1][n];
  }
  mirrored.total.row(2)[2] = 8;
  const std::vector<double> sum = mirror_gain(as_is, mirrored, Orientation::kSum);
  CHECK(sum[0] == doctest::Approx(40 - 12));
  CHECK(sum[1] == 0);
  CHECK(sum[2] == doctest::Approx(8));
  const std::vector<double> log = mirror_gain(as_is, mirrored, Orientation::kLog);
  const double floor = 0.1 * (60 + 18 + 100 + 6) / 8;
  CHECK(log[0] == doctest::Approx(std::log((100 + floor) / (60 + floor)) +
                                  3 * std::log((2 + floor) / (6 + floor))));
  CHECK(log[0] < 0);
  CHECK(log[1] == 0);
  CHECK(log[2] == doctest::Approx(std::log((8 + 0.1) / 0.1)));
  CHECK_THROWS_AS((void)mirror_gain(as_is, Records(4, 2), Orientation::kSum), Error);
  for (const Orientation o : {Orientation::kSum, Orientation::kLog})
    CHECK(parse_orientation(to_string(o)) == o);
  CHECK_THROWS_AS((void)parse_orientation("left"), Error);
}

TEST_CASE("graph orientation: mirrored images are found; checkpoints, shards, inference agree") {
  for (const char* name : {"default", "refined"}) {
    CAPTURE(name);
    const Config config = small(name);
    const ShardFeatures all = draw(12);
    Learner learner(kSpecs, config, {&all}, CpuStream(2));
    std::vector<Snapshot> between;
    while (!learner.done()) {
      between.push_back(learner.snapshot());
      (void)learner.step();
    }
    const Snapshot whole = learner.snapshot();
    int agree = 0;
    for (std::size_t i = 0; i < 12; ++i) agree += (whole.mirror[0][i] != 0) == (i % 2 == 1) ? 1 : 0;
    CHECK(std::max(agree, 12 - agree) == 12);
    CHECK(orientations(learner.graph(), all, CpuStream(1)) == whole.mirror[0]);
    // Of one image alone, the same.
    const ShardFeatures last = draw(1, 11);
    CHECK(orientations(learner.graph(), last, CpuStream(1))[0] == whole.mirror[0][11]);

    REQUIRE(static_cast<std::int64_t>(between.size()) == learner.passes());
    for (Snapshot& s : between) {
      Learner later(kSpecs, config, {&all}, CpuStream(1));
      later.resume(std::move(s));
      const Snapshot end = run(later);
      CHECK(end.mirror == whole.mirror);
      for (std::size_t l = 0; l < kSpecs.size(); ++l) {
        CHECK(end.layers[l].mu_w == whole.layers[l].mu_w);
        CHECK(end.layers[l].edges == whole.layers[l].edges);
        CHECK(end.layers[l].mean_total == whole.layers[l].mean_total);
      }
    }
    for (const std::int64_t shards : {2, 3}) {
      std::vector<ShardFeatures> parts;
      std::vector<const ShardFeatures*> pointers;
      for (std::int64_t k = 0; k < shards; ++k) parts.push_back(draw(12 / shards, k * 12 / shards));
      for (const ShardFeatures& part : parts) pointers.push_back(&part);
      Learner sharded(kSpecs, config, pointers, CpuStream(2));
      const Snapshot s = run(sharded);
      std::vector<std::uint8_t> mirror;
      for (const auto& m : s.mirror) mirror.insert(mirror.end(), m.begin(), m.end());
      CHECK(mirror == whole.mirror[0]);
      for (std::size_t l = 0; l < kSpecs.size(); ++l) {
        CHECK(s.layers[l].edges == whole.layers[l].edges);
        for (std::size_t n = 0; n < s.layers[l].mu_h.size(); ++n) {
          CHECK(std::abs(s.layers[l].mu_h[n] - whole.layers[l].mu_h[n]) < 1e-4f);
          CHECK(std::abs(s.layers[l].mu_w[n] - whole.layers[l].mu_w[n]) < 1e-4f);
        }
      }
    }
  }
}
