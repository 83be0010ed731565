#include <doctest/doctest.h>

#include <barrier>
#include <thread>

#include "tests/explain/graph_planted.h"

using namespace cutaway;
using namespace cutaway::explain::graph;
using cutaway::tests::Planted;

// Several processes with a shard of the images each: threads here, a barrier for the network.
namespace {

constexpr std::size_t kProcesses = 3;

/// What the processes put on the table, in their order.
struct Table {
  std::barrier<> wait{kProcesses};
  std::vector<std::vector<double>> sums = std::vector<std::vector<double>>(kProcesses);
  std::vector<std::vector<float>> values = std::vector<std::vector<float>>(kProcesses);
};

class TableReducer final : public Reducer {
 public:
  TableReducer(Table& table, std::size_t process) : table_(table), process_(process) {}

  void sum(std::span<double> values) override {
    table_.sums[process_].assign(values.begin(), values.end());
    table_.wait.arrive_and_wait();
    for (std::size_t j = 0; j < values.size(); ++j) {
      double all = 0;
      for (const auto& s : table_.sums) all += s.at(j);
      values[j] = all;
    }
    table_.wait.arrive_and_wait();
  }
  std::vector<float> gather(std::vector<float> values) override {
    table_.values[process_] = std::move(values);
    table_.wait.arrive_and_wait();
    std::vector<float> all;
    for (const auto& v : table_.values) all.insert(all.end(), v.begin(), v.end());
    table_.wait.arrive_and_wait();
    return all;
  }

 private:
  Table& table_;
  std::size_t process_;
};

ShardFeatures part_of(const Planted::Images& images,
                      const std::vector<LayerSpec>& specs,
                      std::int64_t first,
                      std::int64_t count) {
  ShardFeatures part;
  for (std::size_t l = 0; l < specs.size(); ++l) {
    FeatureMaps maps(count, specs[l].filters, specs[l].size, FeatureMaps::Storage::kFloat, true);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::vector<float> values = images.features[l].get(first + i);
      maps.set(i, values);
      std::vector<float> mirrored(values.size());
      const auto size = static_cast<std::size_t>(specs[l].size);
      for (std::size_t j = 0; j < values.size(); ++j)
        mirrored[j] = values[j / size * size + size - 1 - j % size];
      maps.set(i, mirrored, true);
    }
    part.push_back(std::move(maps));
  }
  return part;
}

std::vector<Snapshot> learn_in_processes(const std::vector<LayerSpec>& specs,
                                         const Config& config,
                                         const Planted::Images& images) {
  Table table;
  std::vector<Snapshot> found(kProcesses);
  std::vector<std::thread> processes;
  for (std::size_t p = 0; p < kProcesses; ++p) {
    processes.emplace_back([&, p] {
      // Shards of unlike size.
      const std::int64_t first[] = {0, 4, 13, 24};
      const ShardFeatures own = part_of(images, specs, first[p], first[p + 1] - first[p]);
      TableReducer reducer(table, p);
      Learner learner(specs, config, {&own}, CpuStream(1), {}, &reducer);
      while (!learner.done()) (void)learner.step();
      found[p] = learner.snapshot();
    });
  }
  for (std::thread& t : processes) t.join();
  return found;
}

}  // namespace

TEST_CASE("explanatory graph: processes with a shard each learn the graph that one would") {
  Planted planted(31);
  const Planted::Images images = planted.draw(24);
  Config config;
  config.candidates = 40;
  config.iterations = 4;
  SUBCASE("default") {}
  SUBCASE("refined") {
    config.place = Place::kMean;
    config.likeness = Likeness::kConcordance;
  }
  for (const bool flips : {false, true}) {
    CAPTURE(flips);
    config.flips = flips;
    config.restarts = flips ? 2 : 1;
    const ShardFeatures whole = part_of(images, planted.specs(), 0, 24);
    Learner alone(planted.specs(), config, {&whole}, CpuStream(2));
    while (!alone.done()) (void)alone.step();
    const std::vector<Snapshot> found = learn_in_processes(planted.specs(), config, images);
    for (const Snapshot& s : found) {
      for (std::size_t l = 0; l < 3; ++l) {
        CAPTURE(l);
        const explain::graph::Layer& a = s.layers[l];
        const explain::graph::Layer& b = alone.snapshot().layers[l];
        // All processes have the same bytes: they add the same numbers in the same order.
        CHECK(a.mu_h == found[0].layers[l].mu_h);
        CHECK(a.rank == found[0].layers[l].rank);
        CHECK(a.edges == b.edges);
        double most = 0;
        for (std::size_t n = 0; n < a.mu_h.size(); ++n) {
          most = std::max({most, std::abs(static_cast<double>(a.mu_h[n] - b.mu_h[n])),
                           std::abs(static_cast<double>(a.mean_w[n] - b.mean_w[n])),
                           std::abs(static_cast<double>(a.rank[n] - b.rank[n]))});
        }
        CHECK(most < 1e-4);
      }
    }
  }
}
