#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "explain/graph/evaluation/few_shots.h"
#include "explain/graph/evaluation/following.h"
#include "explain/graph/evaluation/part_discs.h"
#include "explain/graph/evaluation/part_hits.h"
#include "explain/graph/features/scratch_memory.h"
#include "explain/graph/files/graph_file.h"
#include "explain/graph/learn.h"
#include "explain/graph/run/scene.h"
#include "explain/pictures/objects.h"
#include "runtime/error.h"
#include "tests/support/source_dir.h"
#include "tests/tools/graph_scene.h"
#include "tools/creatures/creatures.h"
#include "tools/datasets/creature_folder.h"
#include "tools/program/context.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tools;
namespace graph = cutaway::explain::graph;
namespace fs = std::filesystem;

namespace {

using cutaway::tests::blank_scene;
using cutaway::tests::kModel;

/// A folder that goes away with the test.
struct Folder {
  std::string path;
  Folder() {
    path = (fs::temp_directory_path() / ("cutaway-graph-" + std::to_string(::getpid()))).string();
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path + "/" + name; }
};

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

GraphPackage small_graph(graph::Snapshot* between = nullptr) {
  const std::vector<graph::LayerSpec> specs{{"low", 2, 14, 4, 0.1, 16, 7.5},
                                            {"top", 2, 7, 3, 0.2, 32, 15.5}};
  graph::ShardFeatures features;
  for (const graph::LayerSpec& s : specs) {
    features.emplace_back(3, s.filters, s.size);
    for (std::int64_t i = 0; i < 3; ++i) {
      std::vector<float> values;
      for (std::int64_t j = 0; j < s.filters * s.size * s.size; ++j) {
        values.push_back(static_cast<float>((j * 7919 + i * 104729) % 101) / 100);
      }
      features.back().set(i, values);
    }
  }
  graph::Config config = graph::preset("refined");
  config.iterations = 3;
  config.least_likeness = 0.1;
  graph::Learner learner(specs, config, {&features}, CpuStream(1));
  while (!learner.done()) {
    (void)learner.step();
    if (between != nullptr && learner.snapshot().layer == 0 && learner.snapshot().pass == 3) {
      *between = learner.snapshot();
    }
  }
  GraphPackage package{learner.graph(),
                       {"net.h5", "0123456789abcdef", "cat", 3, 5, "graph learn", ""}};
  return package;
}

}  // namespace

TEST_CASE("graph files: what is written is read, and damage is found") {
  const Folder folder;
  const std::string path = folder / "graph.h5";
  const GraphPackage package = small_graph();
  save_graph(package, path);
  const GraphPackage back = load_graph(path);
  CHECK(back.graph.config == package.graph.config);
  CHECK(back.origin.category == "cat");
  for (std::size_t l = 0; l < 2; ++l) {
    CHECK(back.graph.layers[l].spec == package.graph.layers[l].spec);
    CHECK(back.graph.layers[l].mu_h == package.graph.layers[l].mu_h);
    CHECK(back.graph.layers[l].mean_w == package.graph.layers[l].mean_w);
    CHECK(back.graph.layers[l].edges == package.graph.layers[l].edges);
    CHECK(back.graph.layers[l].rank == package.graph.layers[l].rank);
    CHECK(back.graph.layers[l].score_unit == package.graph.layers[l].score_unit);
  }
  save_graph(back, folder / "again.h5");
  const std::string bytes = bytes_of(path);
  // The tool's version stands in both.
  CHECK(bytes_of(folder / "again.h5") == bytes);
  for (std::size_t at = 0; at < bytes.size(); at += bytes.size() / 97) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    write_bytes(folder / "damaged.h5", damaged);
    CAPTURE(at);
    CHECK_THROWS_AS((void)load_graph(folder / "damaged.h5"), Error);
    write_bytes(folder / "damaged.h5", bytes.substr(0, at));
    CHECK_THROWS_AS((void)load_graph(folder / "damaged.h5"), Error);
  }
  CHECK_THROWS_AS((void)load_graph(kModel), Error);
  GraphPackage wrong = package;
  for (const std::int32_t nowhere : {99, -2}) {
    wrong.graph.layers[0].edges[0] = nowhere;
    CHECK_THROWS_AS(save_graph(wrong, folder / "wrong.h5"), Error);
  }
  CHECK(!fs::exists(folder / "wrong.h5"));
}

TEST_CASE("graph files: a checkpoint is read as it was, by its own job only") {
  const Folder folder;
  graph::Snapshot s;
  (void)small_graph(&s);
  REQUIRE(s.layer == 0);
  save_checkpoint(s, "one", folder / "c");
  const graph::Snapshot back = load_checkpoint(folder / "c", "one");
  CHECK(back.pass == s.pass);
  CHECK(back.layers[0].mu_h == s.layers[0].mu_h);
  CHECK(back.layers[1].rank == s.layers[1].rank);
  for (std::int64_t n = 0; n < s.current[0].nodes(); ++n) {
    for (std::int64_t i = 0; i < 3; ++i)
      CHECK(back.current[0].h.at(n, i) == s.current[0].h.at(n, i));
  }
  CHECK_THROWS_AS((void)load_checkpoint(folder / "c", "two"), Error);
}

TEST_CASE("graph scene: in a mirrored cutting the left ear is the right one") {
  CHECK(mirrored_name("left_upper_wing") == "right_upper_wing");
  CHECK(mirrored_name("ear right") == "ear left");
  CHECK(mirrored_name("leftover") == "leftover");
  Scene scene = blank_scene();
  scene.side = 100;
  ObjectEntry object;
  object.box = {0, 0, 99, 99};
  object.parts = {{"left_ear", {10, 5, 19, 14}, 14.5, 9.5, true},
                  {"right_ear", {60, 5, 79, 14}, 69.5, 9.5, true},
                  {"tail", {0, 50, 9, 59}, 4.5, 54.5, true}};
  scene.features.objects = {object, object};
  scene.mirror = {0, 1};
  CHECK(scene.part(0, "left_ear")->box.x1 == doctest::Approx(10));
  // Seen in the mirror, the ear at 60..79 is at 20..39, and is the left one.
  const auto left = scene.part(1, "left_ear");
  REQUIRE(left != nullptr);
  CHECK(left->name == "left_ear");
  CHECK(left->box.x1 == doctest::Approx(20));
  CHECK(left->box.x2 == doctest::Approx(39));
  CHECK(left->center_x == doctest::Approx(29.5));
  CHECK(scene.part(1, "right_ear")->box.x1 == doctest::Approx(80));
  CHECK(scene.part(1, "tail")->box.x1 == doctest::Approx(90));
}

TEST_CASE("graph evaluation: who follows a part, and who only stands where it is") {
  // Pictures whose part moves by a cell up and down; a node that goes with it, one against it, one
  // that stands still, and a filter whose maximum goes with it.
  Scene scene = blank_scene();
  scene.side = 80;
  graph::Layer layer;
  layer.spec = {"maps", 3, 10, 1, 0.1, 8, 3.5};
  scene.package.graph.layers = {layer};
  scene.records = {graph::Records(3, 12)};
  scene.features.maps.emplace_back(12, 3, 10);
  for (std::int64_t i = 0; i < 12; ++i) {
    const int up = static_cast<int>(i % 3) - 1;
    ObjectEntry object;
    object.box = {0, 0, 79, 79};
    const double y = 35.5 + 8 * up;
    object.parts = {{"ear", {30, y - 4, 41, y + 4}, 35.5, y, true}};
    scene.features.objects.push_back(object);
    for (const std::int64_t n : {0, 1, 2}) {
      scene.records[0].h.row(n)[i] = 4.0f + static_cast<float>(n == 0 ? up : n == 1 ? -up : 0);
      scene.records[0].w.row(n)[i] = 4;
      scene.records[0].total.row(n)[i] = 1;
    }
    std::vector<float> maps(300);
    for (std::size_t d = 0; d < 3; ++d)
      maps[d * 100 + 44 + static_cast<std::size_t>(10 * (up + 1))] = 1;
    scene.features.maps[0].set(i, maps);
  }
  scene.plain = {graph::raw_filters(scene.features.maps[0])};
  GraphEvaluationOptions options;
  options.samples = 5;
  const auto rows = measure_following(scene, {"ear"}, options);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].graph.value == doctest::Approx((1.0 - 1.0 + 0.0) / 3));
  CHECK(rows[0].normalized.value == doctest::Approx(1));
  options.nodes = 1;  // the first alone
  CHECK(measure_following(scene, {"ear"}, options)[0].graph.value == doctest::Approx(1));
}

TEST_CASE("graph evaluation: discs on parts, and edges between top nodes") {
  CHECK(disc_overlap(20, 20, 5, {15, 15, 25, 25}, 60) == doctest::Approx(81.0 / 121));
  CHECK(disc_overlap(20, 20, 5, {30, 15, 40, 25}, 60) == 0);
  CHECK(disc_overlap(20, 20, 0, {20, 20, 20, 20}, 60) == 1);
  CHECK(disc_overlap(-90, 20, 5, {-9, -9, -5, -5}, 60) == 0);
  // Two parts that move on their own. Below, a node on each; above, a node on each: the first node
  // below has parents on both, the second one only, and a place that is none.
  Scene scene = blank_scene();
  scene.side = 80;
  graph::Layer low;
  low.spec = {"low", 1, 10, 2, 0.1, 8, 3.5};
  low.parents = 2;
  low.edges = {0, 1, 1, -1};
  graph::Layer top = low;
  top.parents = 0;
  top.edges.clear();
  scene.package.graph.layers = {low, top};
  scene.records = {graph::Records(2, 16), graph::Records(2, 16)};
  for (int l = 0; l < 2; ++l) scene.features.maps.emplace_back(16, 1, 10);
  for (std::int64_t i = 0; i < 16; ++i) {
    const int up = static_cast<int>(i % 2), down = static_cast<int>(i / 2 % 2);
    ObjectEntry object;
    object.box = {0, 0, 79, 79};
    const double y[2] = {19.5 + 8 * up, 51.5 + 8 * down};
    object.parts = {{"ear", {10, y[0] - 6, 29, y[0] + 6}, 19.5, y[0], true},
                    {"foot", {10, y[1] - 6, 29, y[1] + 6}, 19.5, y[1], true}};
    scene.features.objects.push_back(object);
    for (graph::Records& r : scene.records) {
      for (std::int64_t n = 0; n < 2; ++n) {
        r.h.row(n)[i] = static_cast<float>((y[n] - 3.5) / 8);
        r.w.row(n)[i] = 2;
        r.total.row(n)[i] = r.peak.row(n)[i] = 1;
      }
    }
    for (auto& maps : scene.features.maps) maps.set(i, std::vector<float>(100, 1.0f));
  }
  for (const auto& maps : scene.features.maps) scene.plain.push_back(graph::raw_filters(maps));
  GraphEvaluationOptions options;
  options.samples = 3;
  const auto rows = measure_hits(scene, {"ear", "foot"}, options);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].hit.value == doctest::Approx(1));
  CHECK(rows[0].edges == 3);
  CHECK(rows[0].together == doctest::Approx(2.0 / 3));
  CHECK(rows[0].by_chance >= 0);
  CHECK(rows[0].best_edges == 3);
  CHECK(rows[0].top_edges == 3);
  CHECK(rows[0].top_together == doctest::Approx(2.0 / 3));
  // Half a percent of ten by ten cells is half of the pictures: discs are there in no more.
  const auto discs = measure_discs(scene, {"ear", "foot"}, options);
  REQUIRE(discs.size() == 2);
  CHECK(discs[0].graph.value == doctest::Approx(0.5));
  // A maximum in the corner is on nothing.
  CHECK(discs[0].normalized.value == 0);
}

TEST_CASE("graph evaluation: few shots, and those of parts far from their mean place") {
  // The part is at 40 in six pictures, at 60 in three and at 20 in three. Nodes go with it, filters
  // stand still. One picture is shown: filters and the mean place answer with the place shown.
  Scene scene = blank_scene();
  scene.side = 80;
  graph::Layer layer;
  layer.spec = {"maps", 3, 10, 1, 0.1, 8, 3.5};
  layer.mean_total = {3, 2, 1};
  scene.package.graph.layers = {layer};
  scene.records = {graph::Records(3, 12)};
  scene.features.maps.emplace_back(12, 3, 10);
  for (std::int64_t i = 0; i < 12; ++i) {
    const double y = i < 6 ? 40 : i < 9 ? 60 : 20;
    ObjectEntry object;
    object.box = {0, 0, 79, 79};
    object.parts = {{"ear", {30, y - 5, 50, y + 5}, 40, y, true}};
    scene.features.objects.push_back(object);
    for (std::int64_t n = 0; n < 3; ++n) {
      scene.records[0].h.row(n)[i] = static_cast<float>((y - 3.5) / 8 + static_cast<double>(n) - 1);
      scene.records[0].w.row(n)[i] = static_cast<float>(4 + n);
      scene.records[0].total.row(n)[i] = static_cast<float>(3 - n);
    }
    std::vector<float> maps(300);
    for (std::size_t d = 0; d < 3; ++d) maps[d * 100 + 44 + d] = static_cast<float>(d + 1);
    scene.features.maps[0].set(i, maps);
  }
  scene.plain = {graph::raw_filters(scene.features.maps[0])};
  GraphEvaluationOptions options;
  options.samples = 3;
  options.shots = 1;
  options.repeats = 200;
  const auto rows = measure_shots(scene, {"ear"}, options);
  REQUIRE(rows.size() == 1);
  const double diagonal = 80 * std::sqrt(2.0);
  // Votes are cast on whole pixels.
  CHECK(rows[0].graph.distance.value * diagonal <= 1);
  CHECK(rows[0].graph.far.value * diagonal <= 1);
  CHECK(rows[0].graph.hit == 1);
  // A near picture is shown in half of the choices: distances are 0 five times and 20 six times of
  // eleven. Else it is a far one: 20 six times, 0 twice and 40 three times. Far ones among them: 20
  // six times; 0 twice and 40 three times of five. Tolerance: four standard errors of 200 choices.
  CHECK(std::abs(rows[0].mean.distance.value * diagonal - (120.0 + 240.0) / 22) < 1.6);
  CHECK(std::abs(rows[0].mean.far.value * diagonal - (6 * 20.0 + 120.0) / 11) < 0.6);
  for (const ShotRow::Of* filters : {&rows[0].normalized, &rows[0].plain}) {
    CHECK(std::abs(filters->distance.value - rows[0].mean.distance.value) * diagonal <= 1);
    CHECK(std::abs(filters->far.value - rows[0].mean.far.value) * diagonal <= 1);
    CHECK(filters->hit == doctest::Approx(rows[0].mean.hit));
  }
  CHECK(rows[0].mean.hit < 0.5);
}

TEST_CASE("graph: from pictures to a graph, positions, pictures and measurements") {
  const Folder folder;
  creatures::Options scene;
  scene.seed = 4;
  write_creatures(folder / "data", scene, 0, 24, 2);
  const auto cutaway = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--quiet", "--threads", "2"});
    return run_program(arguments);
  };
  const std::string data = folder / "data";
  const std::string out = folder / "graph.h5";
  const std::vector<std::string> learn{
      "graph", "learn",     kModel, "--data",       data, "--min-area",
      "0",     "--out",     out,    "--iterations", "2",  "--nodes",
      "6,4,4", "--parents", "3",    "--candidates", "40"};
  REQUIRE(cutaway(learn) == kExitOk);
  CHECK(!fs::exists(out + ".checkpoint"));
  const std::string first = bytes_of(out);

  // Half-way checkpoints do not change the bytes, nor do the number of threads and the storage on
  // disk ... of halves.
  std::vector<std::string> other = learn;
  other.insert(other.end(), {"--checkpoint-seconds", "0"});
  fs::remove(out);
  CHECK(cutaway(other) == kExitOk);
  CHECK(bytes_of(out) == first);

  const std::vector<std::string> query{out, kModel, "--data", data, "--min-area", "0"};
  const auto verb = [&](const char* name, std::vector<std::string> more) {
    std::vector<std::string> all{"graph", name};
    all.insert(all.end(), query.begin(), query.end());
    all.insert(all.end(), more.begin(), more.end());
    return cutaway(all);
  };
  CHECK(verb("infer", {"--out", folder / "infer"}) == kExitOk);
  CHECK(fs::file_size(folder / "infer/positions.json") > 1000);
  CHECK(fs::exists(folder / "infer/positions.h5"));
  CHECK(verb("infer", {"--out", folder / "infer"}) == kExitUsage);
  // A box that reaches out and one outside are listed, and told by the exit code.
  nlohmann::json truth = nlohmann::json::parse(bytes_of(folder / "data/truth.json"));
  truth["images"][0]["box"] = {-30, 0, 90, 90};
  truth["images"][1]["box"] = {500, 500, 700, 700};
  write_bytes(folder / "wrong.json", truth.dump());
  CHECK(verb("infer", {"--out", folder / "wrong", "--boxes", folder / "wrong.json"}) ==
        kExitPartial);
  const auto positions = nlohmann::json::parse(bytes_of(folder / "wrong/positions.json"));
  CHECK(positions["pictures"].size() == 23);
  REQUIRE(positions["failed"].size() == 1);
  CHECK(positions["failed"][0]["file"] == truth["images"][1]["file"]);
  REQUIRE(positions["mended"].size() >= 1);
  CHECK(positions["mended"][0]["file"] == truth["images"][0]["file"]);
  CHECK(verb("show", {"--out", folder / "show", "--pictures", "2", "--top", "4"}) == kExitOk);
  for (const char* name : {"patches_conv3.png", "heat.png", "tree_0.png", "synthesis.png",
                           "graph.dot", "graph.html"}) {
    CAPTURE(name);
    CHECK(fs::file_size(folder / ("show/" + std::string(name))) > 500);
  }
  const std::string page = bytes_of(folder / "show/graph.html");
  CHECK(page.find("http://") == std::string::npos);
  CHECK(page.find("https://") == std::string::npos);
  // Every node of a lower layer has a parent on the page.
  const auto count = [&](const std::string& text) {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = page.find(text, at)) != std::string::npos; ++at) ++n;
    return n;
  };
  CHECK(count("\"up\":[") == 3 * 48);
  CHECK(count("\"up\":[]") <= 48 + 10);
  CHECK(bytes_of(folder / "show/graph.dot").find(" -> ") != std::string::npos);
  CHECK(verb("evaluate", {"--repeats", "1", "--samples", "5", "--sheets", folder / "sheets"}) ==
        kExitOk);
  CHECK(fs::file_size(folder / "sheets/conv5.png") > 500);
  const std::string key = bytes_of(folder / "sheets/key.json");
  const std::string judgement = bytes_of(folder / "sheets/judgement.csv");
  CHECK(std::ranges::count(judgement, '\n') == 1 + 3 * 20);
  // Ten of each kind a layer, and not one kind after the other.
  CHECK(key.find("graph") < key.rfind("filter"));
  CHECK(key.find("filter") < key.rfind("graph"));

  // Halves in a file when there is no memory at all; a graph of other features is another graph.
  std::vector<std::string> scratch = learn;
  scratch.insert(scratch.end(), {"--memory", "0", "--scratch", folder.path, "--overwrite"});
  CHECK(cutaway(scratch) == kExitOk);
  CHECK(bytes_of(out) != first);
  CHECK(cutaway(learn) == kExitUsage);  // there is a graph already
  fs::remove(out);
  write_bytes(out + ".checkpoint", "nothing");
  CHECK(cutaway(learn) == kExitInput);
}
