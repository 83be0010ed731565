// What the verbs info, filters and visualize ask the library for, asked without the program.
#include <doctest/doctest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "explain/runs/describe_run.h"
#include "explain/visualize/run/choose_settings.h"
#include "explain/visualize/run/filters_run.h"
#include "runtime/error.h"
#include "tests/support/source_dir.h"

using namespace cutaway;
using namespace cutaway::explain;
namespace fs = std::filesystem;

namespace {

const std::string kCreatures = source_dir() + "/weights/shipped/creatures.h5";

template <class F>
ErrorKind kind_of(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind::kInternal;
}

}  // namespace

TEST_CASE("describe: a net's numbers agree with its graph, and no drawing is lost") {
  DescribeJob job;
  job.model = kCreatures;
  const NetDescription net = run_describe(job, RunContext{});
  const Graph& graph = net.package.model.graph;
  CHECK(net.layers.size() == layer_table(graph).size());
  CHECK(net.memory.parameters == 4 * graph.parameter_count());
  CHECK_FALSE(net.promises.empty());
  const auto json = nlohmann::json::parse(description_json(net));
  CHECK(json["parameters"] == graph.parameter_count());
  CHECK(json["layers"].size() == net.layers.size());
  CHECK(json["memory"]["methods"].size() == net.promises.size());

  job.dot =
      (fs::temp_directory_path() / ("cutaway-described-" + std::to_string(::getpid()))).string();
  std::ofstream(job.dot) << "mine";
  CHECK(kind_of([&] { (void)run_describe(job, RunContext{}); }) == ErrorKind::kUsage);
  CHECK(fs::file_size(job.dot) == 4);
  job.overwrite = true;
  (void)run_describe(job, RunContext{});
  CHECK(fs::file_size(job.dot) > 1000);
  fs::remove(job.dot);
}

TEST_CASE("filters: dead ones are those of the weights and those that never answer") {
  FiltersJob job;
  job.model = kCreatures;
  const FiltersSummary by_weights = run_filters(job, RunContext{});
  CHECK(by_weights.silent.empty());
  CHECK(by_weights.filters.size() == 16);
  // Shares of the energy, whose mean over filters that are not constant is 1.
  CHECK(by_weights.spectrum[0] + by_weights.spectrum[1] + by_weights.spectrum[2] ==
        doctest::Approx(1));
  job.data = {source_dir() + "/weights/shipped/creatures/images"};
  const FiltersSummary by_answers = run_filters(job, RunContext{});
  REQUIRE(by_answers.silent.size() == 16);
  std::int64_t dead = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    CHECK(by_answers.filters[i].dead == (by_weights.filters[i].dead || by_answers.silent[i]));
    dead += by_answers.filters[i].dead ? 1 : 0;
  }
  CHECK(by_answers.dead == dead);
  job.layer = "relu1";
  CHECK(kind_of([&] { (void)run_filters(job, RunContext{}); }) == ErrorKind::kUsage);
}

TEST_CASE("visualize: a job without a mode has the one that suits it") {
  VisualizeJob job;
  choose_settings({}, 7, job);
  CHECK(job.settings.mode == AscentMode::kLucid);
  CHECK(job.frame_every == 0);
  job.gif = true;  // fifty frames
  choose_settings({"", {}, 200}, 7, job);
  CHECK(job.frame_every == 4);

  VisualizeJob inversion;
  inversion.invert = "cat.png";
  choose_settings({"", {"rate=3"}, 0}, 7, inversion);
  CHECK(inversion.settings.mode == AscentMode::kPenalized);
  CHECK(inversion.settings.penalized.objective_weight == doctest::Approx(300));
  CHECK(inversion.settings.penalized.rate == doctest::Approx(3));  // what is given goes before

  VisualizeJob dream;
  dream.dream = true;
  choose_settings({}, 7, dream);
  CHECK(dream.settings.mode == AscentMode::kDream);
  CHECK(kind_of([&] { choose_settings({"lucid", {}, 0}, 7, dream); }) == ErrorKind::kUsage);
  CHECK(kind_of([&] { choose_settings({"dream", {}, 0}, 7, job); }) == ErrorKind::kUsage);
  CHECK(kind_of([&] {
          choose_settings({"lucid", {"nonsense=1"}, 0}, 7, job);
        }) == ErrorKind::kUsage);
}
