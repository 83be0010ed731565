// The program end to end, in this process: exit codes, outputs, and nothing left behind on failure.

#include <doctest/doctest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "explain/pictures/image.h"
#include "explain/pictures/write_image.h"
#include "tests/support/source_dir.h"
#include "tools/program/context.h"
#include "weights/package.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
namespace fs = std::filesystem;

namespace {

/// A folder that goes with the test.
struct Folder {
  fs::path path;
  Folder() : path(fs::temp_directory_path() / ("cutaway-program-" + std::to_string(getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path / name).string();
  }
};

int run(std::vector<std::string> arguments) {
  arguments.emplace_back("--quiet");
  arguments.insert(arguments.end(), {"--threads", "2"});
  return tools::run_program(arguments);
}

void make_model(const std::string& path) {
  weights::ZooNet net = weights::build_zoo("gap-small", {4});
  Model model(std::move(net.graph));
  model.parameters = Parameters::initialized(model.graph, 3);
  weights::save({std::move(model), net.preprocess, {"ant", "bee", "cat", "dog"}, {}}, path);
}

void make_picture(const std::string& path, int seed) {
  explain::Image image = explain::make_image(120, 100);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    image.rgb[i] = static_cast<std::uint8_t>((i * 7 + static_cast<std::size_t>(seed) * 31) % 251);
  }
  explain::write_image(path, image);
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t files_in(const std::string& folder) {
  std::size_t count = 0;
  if (!fs::exists(folder)) return 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    count += entry.is_regular_file();
  return count;
}

}  // namespace

TEST_CASE("explain writes maps, pictures, a report, and the manifest last") {
  const Folder f;
  make_model(f / "net.h5");
  make_picture(f / "a.png", 1);
  make_picture(f / "b.jpg", 2);
  const std::string methods =
      "saliency,guided,deconvnet,gradient_x_input,cam,gradcam,guided_gradcam";
  CHECK(run({"explain", f / "net.h5", f / "a.png", f / "b.jpg", "--method", methods, "--target",
             "top1,cat", "--out", f / "out"}) == 0);
  CHECK(fs::exists(f / "out/sheet.png"));
  int maps = 0, pictures = 0;
  for (const auto& entry : fs::directory_iterator(f / "out")) {
    maps += entry.path().extension() == ".npy" ? 1 : 0;
    pictures += entry.path().extension() == ".png" ? 1 : 0;
  }
  // Six methods explain each of the classes (one or two a picture: the first may be "cat"); the
  // deconvnet a unit.
  CHECK(maps >= 2 * 7);
  CHECK(maps <= 2 * 13);
  CHECK(pictures == maps + 1);
  CHECK(fs::exists(f / "out/manifest.json"));
  CHECK(fs::exists(f / "out/report.html"));
  // A finished run is not overwritten by accident.
  CHECK(run({"explain", f / "net.h5", f / "a.png", "--method", "cam", "--out", f / "out"}) == 2);
  CHECK(run({"explain", f / "net.h5", f / "a.png", "--method", "cam", "--out", f / "out",
             "--overwrite"}) == 0);
}

TEST_CASE("the same command gives the same maps, for any batch and number of threads") {
  const Folder f;
  make_model(f / "net.h5");
  for (int i = 0; i < 3; ++i) make_picture(f / ("p" + std::to_string(i) + ".png"), i);
  const auto once = [&](const std::string& out, const std::string& batch) {
    return tools::run_program({"explain", f / "net.h5", f / "p0.png", f / "p1.png", f / "p2.png",
                               "--method", "saliency,gradcam", "--out", f / out, "--batch", batch,
                               "--threads", batch, "--quiet"});
  };
  REQUIRE(once("one", "1") == 0);
  REQUIRE(once("three", "3") == 0);
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(f / "one")) {
    if (entry.path().extension() != ".npy") continue;
    ++compared;
    CHECK(read_bytes(entry.path().string()) ==
          read_bytes(f / ("three/" + entry.path().filename().string())));
  }
  CHECK(compared == 6);
}

TEST_CASE("bad models: one line, exit code 3, nothing left behind") {
  const Folder f;
  make_model(f / "net.h5");
  make_picture(f / "a.png", 1);
  const std::string good = read_bytes(f / "net.h5");
  write_text(f / "empty.h5", "");
  write_text(f / "text.h5", "this is no package\n");
  write_text(f / "cut.h5", good.substr(0, good.size() / 2));
  std::string flipped = good;
  flipped[good.size() / 3] = static_cast<char>(flipped[good.size() / 3] ^ 0x10);
  write_text(f / "flipped.h5", flipped);
  for (const char* name : {"missing.h5", "empty.h5", "text.h5", "cut.h5", "flipped.h5"}) {
    CAPTURE(name);
    CHECK(run({"explain", f / name, f / "a.png", "--method", "cam", "--out", f / "out"}) == 3);
    CHECK(run({"classify", f / name, f / "a.png"}) == 3);
    CHECK(run({"info", f / name}) == 3);
    CHECK(run({"convert", "--preprocess", "torchvision", f / name, f / "new.h5"}) == 3);
    CHECK(!fs::exists(f / "out"));
    CHECK(!fs::exists(f / "new.h5"));
  }
}

TEST_CASE("bad pictures: alone exit code 3, among good ones 5") {
  const Folder f;
  make_model(f / "net.h5");
  make_picture(f / "good.png", 1);
  write_text(f / "text.jpg", "not a picture");
  write_text(f / "zero.png", "");
  const std::string whole = read_bytes(f / "good.png");
  write_text(f / "cut.png", whole.substr(0, whole.size() / 2));
  for (const char* name : {"text.jpg", "zero.png", "cut.png"}) {
    CAPTURE(name);
    CHECK(run({"classify", f / "net.h5", f / name}) == 3);
    CHECK(run({"classify", f / "net.h5", f / name, f / "good.png"}) == 5);
    CHECK(run({"explain", f / "net.h5", f / name, f / "good.png", "--method", "cam", "--out",
               f / ("out-" + std::string(name))}) == 5);
  }
  CHECK(run({"classify", f / "net.h5", f / "missing.png"}) == 3);
}

TEST_CASE("usage errors: exit code 2, nothing left behind") {
  const Folder f;
  make_model(f / "net.h5");
  make_picture(f / "a.png", 1);
  CHECK(tools::run_program({}) == 2);
  CHECK(run({"explian"}) == 2);
  CHECK(run({"explain", f / "net.h5", f / "a.png", "--method", "gradcamm", "--out", f / "out"}) ==
        2);
  CHECK(run({"explain", f / "net.h5", f / "a.png", "--method", "cam", "--bogus", "--out",
             f / "out"}) == 2);
  CHECK(run({"explain", f / "net.h5", f / "a.png", "--method", "deconvnet", "--option",
             "deconvnet.chanel=3", "--out", f / "out"}) == 2);
  CHECK(!fs::exists(f / "out"));
  CHECK(run({"explain", f / "net.h5", f / "a.png", "--method", "gradcam", "--layer", "conv99",
             "--out", f / "out"}) == 2);
  CHECK(run({"explain", f / "net.h5", f / "a.png", "--method", "cam", "--target", "unicorn",
             "--out", f / "out"}) == 2);
  CHECK(files_in(f / "out") == 0);
  CHECK(run({"classify", f / "net.h5", f / "a.png", "--engine", "conv:warp"}) == 2);
  CHECK(run({"classify", f / "net.h5", f / "a.png", "--device", "tpu"}) == 2);
  CHECK(run({"convert", "--architecture", "vgg61", f / "net.h5", f / "x.h5"}) == 2);
  CHECK(run({"dataset", "make", "unicorns", f / "u"}) == 2);
}

TEST_CASE("dataset make writes pictures with their truth; classify counts on its list") {
  const Folder f;
  CHECK(run({"dataset", "make", "creatures", f / "c", "--count", "10", "--seed", "4"}) == 0);
  CHECK(fs::exists(f / "c/truth.json"));
  CHECK(files_in(f / "c") == 22);
  CHECK(run({"classify", source_dir() + "/weights/shipped/creatures.h5", "--list",
             f / "c/labels.csv", "--json", "--outputs", f / "scores.h5"}) == 0);
  CHECK(fs::exists(f / "scores.h5"));
}

TEST_CASE("--help, --version and info succeed") {
  const Folder f;
  make_model(f / "net.h5");
  CHECK(tools::run_program({"--help"}) == 0);
  CHECK(tools::run_program({"--version"}) == 0);
  for (const char* verb : {"info", "classify", "explain", "convert", "train", "dataset", "bench"}) {
    CHECK(tools::run_program({verb, "--help"}) == 0);
  }
  CHECK(run({"info", f / "net.h5", "--json"}) == 0);
  CHECK(run({"bench", f / "net.h5", "--rounds", "2", "--pass", "saliency", "--layers"}) == 0);
}
