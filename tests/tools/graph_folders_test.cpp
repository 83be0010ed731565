// What `graph show`, `graph infer` and `graph evaluate --sheets` leave in a folder, and whose files
// they touch there.
#include <doctest/doctest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/tools/graph_scene.h"
#include "tools/creatures/creatures.h"
#include "tools/datasets/creature_folder.h"
#include "tools/program/context.h"

using namespace cutaway::tools;
namespace fs = std::filesystem;

namespace {

using cutaway::tests::kModel;

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}

/// A folder with pictures of creatures and a graph of them; it goes away with the test.
class Fixture {
 public:
  Fixture()
      : path_(fs::temp_directory_path() / ("cutaway-graph-folders-" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
    creatures::Options scene;
    scene.seed = 4;
    write_creatures(*this / "data", scene, 0, 16, 2);
    REQUIRE(run_program({"graph", "learn", kModel, "--data", *this / "data", "--min-area", "0",
                         "--out", *this / "graph.h5", "--iterations", "1", "--nodes", "2",
                         "--parents", "2", "--candidates", "20", "--quiet"}) == kExitOk);
  }
  ~Fixture() { fs::remove_all(path_); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

  /// `cutaway graph VERB` with the graph, the net, the pictures and `more`.
  [[nodiscard]] int graph(const std::string& verb, const std::vector<std::string>& more) const {
    std::vector<std::string> all{"graph",      verb,     *this / "graph.h5",
                                 kModel,       "--data", *this / "data",
                                 "--min-area", "0",      "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return run_program(all);
  }

 private:
  fs::path path_;
};

/// The files that the manifest claims.
std::set<std::string> claimed(const std::string& folder) {
  const auto manifest = nlohmann::json::parse(text_of(folder + "/manifest.json"));
  return manifest["extra"]["files"].get<std::set<std::string>>();
}

}  // namespace

TEST_CASE("graph folders: the manifest says what was done, and --overwrite removes just that") {
  const Fixture f;
  const std::string out = f / "out";
  REQUIRE(f.graph("show", {"--out", out, "--pictures", "3", "--top", "2"}) == kExitOk);
  std::set<std::string> there = names_in(out);
  CHECK(there.count("tree_2.png") == 1);
  CHECK(there.erase("manifest.json") == 1);
  CHECK(claimed(out) == there);
  const auto manifest = nlohmann::json::parse(text_of(out + "/manifest.json"));
  CHECK(manifest["methods"].size() == 3);  // a layer each
  CHECK(manifest["methods"][0]["name"] == "graph show");
  CHECK(manifest["counts"]["succeeded"] == 16);
  CHECK(manifest["extra"]["graph"] == f / "graph.h5");

  // Strangers' files stay, whatever they are called; pictures of the earlier, larger run go.
  write_text(out + "/notes.txt", "mine");
  write_text(out + "/tree_7.png", "mine, too");
  CHECK(f.graph("show", {"--out", out, "--pictures", "1", "--top", "2"}) == kExitUsage);
  CHECK(fs::exists(out + "/tree_2.png"));
  CHECK(f.graph("show", {"--out", out, "--pictures", "1", "--top", "2", "--overwrite"}) == kExitOk);
  CHECK(fs::exists(out + "/tree_0.png"));
  CHECK_FALSE(fs::exists(out + "/tree_1.png"));
  CHECK_FALSE(fs::exists(out + "/tree_2.png"));
  CHECK(text_of(out + "/tree_7.png") == "mine, too");

  // Another verb's run is a run as well.
  CHECK(f.graph("infer", {"--out", out}) == kExitUsage);
  CHECK(f.graph("infer", {"--out", out, "--overwrite", "--pictures", "2"}) == kExitOk);
  CHECK(names_in(out) == std::set<std::string>{"manifest.json", "notes.txt", "positions.h5",
                                               "positions.json", "positions.png", "tree_7.png"});
  CHECK(claimed(out) == std::set<std::string>{"positions.h5", "positions.json", "positions.png"});
}

TEST_CASE("graph folders: nothing is written through a link") {
  const Fixture f;
  write_text(f / "elsewhere", "not yours");
  const auto refused = [&](const std::string& verb, const std::string& option,
                           const std::string& name) {
    CAPTURE(name);
    const std::string out = f / ("link-" + name);
    fs::create_directories(out);
    fs::create_symlink(f / "elsewhere", out + "/" + name);
    CHECK(f.graph(verb, {option, out}) == kExitUsage);
    CHECK(fs::is_symlink(out + "/" + name));
    CHECK_FALSE(fs::exists(out + "/manifest.json"));
    CHECK(text_of(f / "elsewhere") == "not yours");
  };
  for (const char* name : {"heat.png", "graph.dot", "graph.html"}) refused("show", "--out", name);
  for (const char* name : {"positions.h5", "positions.png", "positions.json"})
    refused("infer", "--out", name);
  for (const char* name : {"conv5.png", "judgement.csv", "key.json"})
    refused("evaluate", "--sheets", name);
}

TEST_CASE("graph folders: sheets that somebody filled in are not replaced unasked") {
  const Fixture f;
  const std::string sheets = f / "sheets";
  const std::vector<std::string> verb{"--repeats", "0", "--samples", "0", "--sheets", sheets};
  REQUIRE(f.graph("evaluate", verb) == kExitOk);
  CHECK(claimed(sheets) ==
        std::set<std::string>{"conv3.png", "conv5.png", "conv6.png", "judgement.csv", "key.json"});
  write_text(sheets + "/judgement.csv", "ten hours of work");
  CHECK(f.graph("evaluate", verb) == kExitUsage);
  CHECK(text_of(sheets + "/judgement.csv") == "ten hours of work");
  std::vector<std::string> anew = verb;
  anew.push_back("--overwrite");
  CHECK(f.graph("evaluate", anew) == kExitOk);
  CHECK(text_of(sheets + "/judgement.csv").rfind("layer,row,", 0) == 0);
  // Pictures that are read are no place for results.
  CHECK(f.graph("evaluate", {"--repeats", "0", "--samples", "0", "--sheets", f / "data"}) ==
        kExitUsage);
}
