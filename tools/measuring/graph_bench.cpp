#include "tools/measuring/graph_bench.h"

#include <sys/resource.h>

#include <chrono>
#include <cmath>

#include "explain/graph/infer.h"
#include "explain/graph/learn.h"
#include "runtime/philox.h"
#include "runtime/progress.h"
#include "runtime/stopwatch.h"

namespace cutaway::tools {

using namespace explain;
namespace {

using namespace explain::graph;

/// Of all threads of this process.
double cpu_seconds() {
  rusage used{};
  (void)getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double peak_mib() {
  rusage used{};
  (void)getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_maxrss) / 1024;
}

/// Two parts and two distractors a filter, each a blob, the parts moving with one of two groups;
/// noise everywhere.
void fill(FeatureMaps& maps, const LayerSpec& spec, std::uint64_t layer) {
  for (std::int64_t i = 0; i < maps.images(); ++i) {
    const Philox groups{17, static_cast<std::uint64_t>(i)};
    std::vector<float> values;
    for (std::int64_t d = 0; d < spec.filters; ++d) {
      const Philox place{1 + layer, static_cast<std::uint64_t>(d)};
      const Philox own{100 + layer, static_cast<std::uint64_t>(i * spec.filters + d)};
      const std::size_t from = values.size();
      for (std::int64_t j = 0; j < spec.size * spec.size; ++j) {
        values.push_back(0.05f * own.uniform(64 + static_cast<std::uint64_t>(j)));
      }
      for (std::uint64_t b = 0; b < 4; ++b) {
        const bool part = b < 2;
        const auto at = [&](std::uint64_t axis) {
          const double still =
              static_cast<double>(part ? place.uniform(2 * b + axis) : own.uniform(2 * b + axis));
          const auto group = (b + static_cast<std::uint64_t>(d)) % 2;
          const double moved =
              part ? 56 * (static_cast<double>(groups.uniform(2 * group + axis)) - 0.5) : 0;
          return (52 + 120 * still + moved - spec.offset) / spec.stride;
        };
        const double h = at(0);
        const double w = at(1);
        for (auto y = std::lround(h) - 3; y <= std::lround(h) + 3; ++y) {
          for (auto x = std::lround(w) - 3; x <= std::lround(w) + 3; ++x) {
            if (y < 0 || x < 0 || y >= spec.size || x >= spec.size) continue;
            const double far = std::hypot(static_cast<double>(y) - h, static_cast<double>(x) - w);
            values[from + static_cast<std::size_t>(y * spec.size + x)] +=
                static_cast<float>(std::exp(-far * far / 1.62));
          }
        }
      }
    }
    maps.set(i, values);
  }
}

}  // namespace

GraphBenchResult bench_graph(const GraphBenchOptions& o, const Context& context) {
  const std::vector<LayerSpec> specs{{"conv4_2", o.filters, 28, 40, 0.05, 8, 3.5},
                                     {"conv4_3", o.filters, 28, 40, 0.05, 8, 3.5},
                                     {"conv5_2", o.filters, 14, 20, 0.1, 16, 7.5},
                                     {"conv5_3", o.filters, 14, 20, 0.1, 16, 7.5}};
  GraphBenchResult result;
  auto start = Clock::now();
  ShardFeatures features, single;
  for (std::size_t l = 0; l < specs.size(); ++l) {
    features.emplace_back(o.images, specs[l].filters, specs[l].size, FeatureMaps::Storage::kHalf);
    single.emplace_back(1, specs[l].filters, specs[l].size, FeatureMaps::Storage::kHalf);
    fill(features.back(), specs[l], l);
    fill(single.back(), specs[l], l);
    result.nodes += specs[l].count();
  }
  result.feature_seconds = seconds_since(start);
  Config config = preset(o.preset);
  config.iterations = o.iterations;
  config.seed = context.common.seed;
  const Stream stream = context.stream();
  start = Clock::now();
  double cpu = cpu_seconds();
  Learner learner(specs, config, {&features}, stream);
  {
    Progress progress(context.observer(), "learn", learner.passes());
    while (!learner.done()) {
      throw_if_cancelled(context.observer());
      const auto before = Clock::now();
      const double cpu_before = cpu_seconds();
      const PassReport report = learner.step();
      // The first pass of a layer chooses no edges.
      if (report.layer == 0 && report.pass == 1) {
        result.pass_seconds = seconds_since(before);
        result.pass_cpu_seconds = cpu_seconds() - cpu_before;
      }
      progress.add();
    }
  }
  result.learn_seconds = seconds_since(start);
  result.learn_cpu_seconds = cpu_seconds() - cpu;
  const ExplanatoryGraph graph = learner.graph();
  start = Clock::now();
  (void)infer(graph, features, stream);
  result.infer_ms = 1000 * seconds_since(start) / static_cast<double>(o.images);
  start = Clock::now();
  cpu = cpu_seconds();
  for (int k = 0; k < 5; ++k) (void)infer(graph, single, stream);
  result.infer_single_ms = 1000 * seconds_since(start) / 5;
  result.infer_single_cpu_ms = 1000 * (cpu_seconds() - cpu) / 5;
  result.peak_mib = peak_mib();
  return result;
}

}  // namespace cutaway::tools
