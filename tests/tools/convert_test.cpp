// `cutaway convert` end to end, in this process: exit codes, what is written, what stays.

#include <doctest/doctest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/source_dir.h"
#include "tools/program/context.h"
#include "weights/package.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
namespace fs = std::filesystem;

namespace {

/// A folder that goes with the test.
struct Folder {
  fs::path path;
  Folder() : path(fs::temp_directory_path() / ("cutaway-convert-" + std::to_string(getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path / name).string();
  }
};

int convert(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "convert");
  arguments.emplace_back("--quiet");
  return tools::run_program(arguments);
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string bytes_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

weights::Package small_package() {
  weights::ZooNet net = weights::build_zoo("gap-small", {3});
  Model model(std::move(net.graph));
  model.parameters = Parameters::initialized(model.graph, 3);
  return {std::move(model), net.preprocess, {"ant", "bee", "cat"}, {}};
}

}  // namespace

TEST_CASE(
    "convert changes the classes' names and the preprocessing of a package, and nothing else") {
  const Folder folder;
  const std::string source = folder / "net.h5", target = folder / "renamed.h5";
  const weights::Package before = small_package();
  weights::save(before, source);
  write_text(folder / "names.txt", "Ameise\nBiene\nKatze\n");
  write_text(
      folder / "rule.json",
      R"({"order": "BGR", "scale": 1, "mean": [104, 117, 123], "std": [1, 1, 1],)"
      R"( "resize": "short_side", "short_side": 227, "interpolation": "bilinear_pil",)"
      R"( "crop": "center", "crop_width": 224, "crop_height": 224, "crop_offset": "floor"})");
  const std::string bytes = bytes_of(source);
  CHECK(convert({source, target, "--labels", folder / "names.txt"}) == 0);
  weights::Package after = weights::load(target);
  CHECK(after.labels == std::vector<std::string>{"Ameise", "Biene", "Katze"});
  CHECK(after.preprocess == before.preprocess);
  CHECK(bytes_of(source) == bytes);
  CHECK(convert({source, target, "--preprocess", folder / "rule.json"}) == 2);  // it is there
  CHECK(convert({source, target, "--preprocess", folder / "rule.json", "--overwrite"}) == 0);
  after = weights::load(target);
  CHECK(after.labels == before.labels);
  CHECK(after.preprocess.order == weights::ColorOrder::kBgr);
  CHECK(after.preprocess.short_side == 227);
  CHECK(after.preprocess.crop_width == 224);
  REQUIRE(after.model.graph.size() == before.model.graph.size());
  for (NodeId id = 0; id < before.model.graph.size(); ++id) {
    const auto& was = before.model.parameters.of(id);
    const auto& is = after.model.parameters.of(id);
    REQUIRE(was.size() == is.size());
    for (std::size_t i = 0; i < was.size(); ++i) {
      const std::span<const float> x = was[i].f32(), y = is[i].f32();
      CHECK(std::equal(x.begin(), x.end(), y.begin(), y.end()));
    }
  }
}

TEST_CASE("convert of a package: what it cannot be asked for is a usage error, and names the way") {
  const Folder folder;
  const std::string source = folder / "net.h5", target = folder / "out.h5";
  weights::save(small_package(), source);
  write_text(folder / "names.txt", "ant\nbee\n");
  CHECK(convert({source, target}) == 2);
  CHECK(convert({source, target, "--classes", "7"}) == 2);
  CHECK(convert({source, target, "--architecture", "gap-small"}) == 2);
  CHECK(convert({source, target, "--labels", folder / "names.txt"}) == 3);
  CHECK(convert({source, target, "--preprocess", "cafe"}) == 2);
  CHECK(convert({source, source, "--preprocess", "unit"}) == 2);
  CHECK_FALSE(fs::exists(target));
}

TEST_CASE("convert leaves a file that is no package alone unless it is told to replace it") {
  const Folder folder;
  const std::string source = folder / "net.h5", target = folder / "notes.txt";
  weights::save(small_package(), source);
  write_text(target, "mine");
  CHECK(convert({source, target, "--preprocess", "unit"}) == 2);
  CHECK(bytes_of(target) == "mine");
  CHECK(convert({source, target, "--preprocess", "unit", "--overwrite"}) == 0);
  CHECK(weights::load(target).labels.size() == 3);
}

TEST_CASE("convert writes a report of every parameter") {
  const Folder folder;
  const std::string source = source_dir() + "/tests/golden/keras/sequential.keras";
  CHECK(convert({source, folder / "net.h5", "--report", folder / "report.json"}) == 0);
  CHECK(bytes_of(folder / "report.json").find("\"target\"") != std::string::npos);
}
