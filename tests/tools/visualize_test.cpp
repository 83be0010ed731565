// The verb: files, manifest, exit codes.

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "explain/pictures/read_image.h"
#include "explain/pictures/write_image.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/relu.h"
#include "tools/program/context.h"
#include "weights/package.h"

using namespace cutaway;

namespace {

namespace fs = std::filesystem;

/// A folder of its own with a small trained-like net in it, removed at the end.
struct Folder {
  fs::path path;
  Folder() : path(fs::temp_directory_path() / ("cutaway_visualize_" + std::to_string(::getpid()))) {
    fs::create_directories(path);
    Graph g({1, 3, 32, 32});
    const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
    g.add("conv1", std::make_shared<Conv>(8, three));
    g.add("relu1", std::make_shared<Relu>());
    g.add("conv2", std::make_shared<Conv>(6, three));
    g.add("relu2", std::make_shared<Relu>());
    g.add("gap", std::make_shared<GlobalAveragePool>());
    g.add("fc", std::make_shared<Dense>(3));
    weights::Package package{Model(std::move(g))};
    package.model.parameters = Parameters::initialized(package.model.graph, 4);
    package.labels = {"cat", "dog", "owl"};
    package.preprocess.mean = {104, 117, 123};
    package.preprocess.order = weights::ColorOrder::kBgr;
    weights::save(package, model());
    explain::Image photo = explain::make_image(40, 36, {90, 120, 60});
    explain::fill(photo, {8, 8, 20, 12}, {220, 40, 30});
    explain::write_png((path / "photo.png").string(), photo);
  }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  [[nodiscard]] std::string model() const { return (path / "net.h5").string(); }
  [[nodiscard]] std::string at(const std::string& name) const { return (path / name).string(); }
  [[nodiscard]] int run(const std::string& out, std::vector<std::string> more) const {
    std::vector<std::string> arguments{"visualize", model(),     "--out", at(out),
                                       "-q",        "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return tools::run_program(arguments);
  }
  [[nodiscard]] nlohmann::json manifest(const std::string& out) const {
    std::ifstream file(at(out) + "/manifest.json");
    return nlohmann::json::parse(file);
  }
};

}  // namespace

TEST_CASE(
    "visualize: every mode writes its picture, the raw numbers and a manifest that says how") {
  const Folder f;
  for (const char* mode : {"lucid", "simonyan", "yosinski", "penalized"}) {
    CAPTURE(mode);
    REQUIRE(f.run(mode, {"--class", "dog,2", "--mode", mode, "--steps", "3"}) == 0);
    for (const char* name : {"dog", "owl"}) {
      const std::string base = f.at(mode) + "/" + name + "__" + mode;
      CHECK(fs::exists(base + ".png"));
      CHECK(fs::file_size(base + ".npy") == 128 + 3 * 32 * 32 * 4);
    }
    CHECK(fs::exists(f.at(mode) + "/grid.png"));
    const auto methods = f.manifest(mode)["methods"];
    REQUIRE(methods.size() == 2);
    CHECK(methods[0]["name"] == std::string("visualize ") + mode);
    CHECK(methods[0]["parameters"]["steps"] == 3);
    CHECK(methods[0]["parameters"].contains("rate"));
  }
  // A finished folder is not written into by accident.
  CHECK(f.run("lucid", {"--class", "1", "--steps", "1"}) == 2);
  CHECK(f.run("lucid", {"--class", "1", "--steps", "1", "--overwrite"}) == 0);
}

TEST_CASE("visualize: Lucid's side where the layers take it, else the net's own") {
  const Folder f;
  const auto net = [&](const char* name, bool pooled) {
    Graph g({1, 3, 144, 144});
    g.add("conv1", std::make_shared<Conv>(4, kernels::ConvGeometry{5, 5, 3, 3, 0, 0, 1, 1, 1}));
    g.add("relu1", std::make_shared<Relu>());
    if (pooled)
      g.add("gap", std::make_shared<GlobalAveragePool>());
    else
      g.add("flatten", std::make_shared<Flatten>());
    g.add("fc", std::make_shared<Dense>(3));
    weights::Package package{Model(std::move(g))};
    package.model.parameters = Parameters::initialized(package.model.graph, 4);
    package.labels = {"cat", "dog", "owl"};
    weights::save(package, f.at(name));
  };
  net("pooled.h5", true);
  net("dense.h5", false);
  struct Case {
    const char* model;
    std::vector<std::string> words;
    int side;
    const char* why;
  };
  int k = 0;
  for (const Case& c :
       {Case{"pooled.h5", {"--class", "1"}, 128, "Lucid's default"},
        Case{"dense.h5", {"--class", "1"}, 144, "the net's own: a layer takes no other"},
        Case{"dense.h5", {"--layer", "conv1", "--channel", "1"}, 128, "Lucid's default"},
        Case{"pooled.h5", {"--class", "1", "--size", "150"}, 150, "given"},
        Case{"pooled.h5", {"--class", "1", "--mode", "simonyan"}, 144, "the net's own"},
        Case{"net.h5", {"--class", "1"}, 32, "the net's own"}}) {
    const std::string out = "side" + std::to_string(k++);
    CAPTURE(out);
    std::vector<std::string> words{"visualize", f.at(c.model), "--out", f.at(out),
                                   "-q",        "--steps",     "2"};
    words.insert(words.end(), c.words.begin(), c.words.end());
    REQUIRE(tools::run_program(words) == 0);
    const auto p = f.manifest(out)["methods"][0]["parameters"];
    CHECK(p["width"] == c.side);
    CHECK(p["height"] == c.side);
    CHECK(p["size"] == c.why);
    const explain::Image picture =
        explain::read_image(f.at(out + "/" + p["file"].get<std::string>()));
    CHECK(picture.width == c.side);
  }
}

TEST_CASE("visualize: stretched pictures are the differences from the mean at full contrast") {
  const Folder f;
  REQUIRE(f.run("y", {"--class", "1", "--mode", "yosinski", "--steps", "3"}) == 0);
  REQUIRE(f.run("n", {"--class", "1", "--mode", "yosinski", "--steps", "3", "--option",
                      "stretch=false"}) == 0);
  CHECK(f.manifest("y")["methods"][0]["parameters"]["stretch"] == true);
  CHECK(f.manifest("n")["methods"][0]["parameters"]["stretch"] == false);
  const explain::Image y = explain::read_image(f.at("y/dog__yosinski.png"));
  const explain::Image n = explain::read_image(f.at("n/dog__yosinski.png"));
  // One scale for the three colours: what is more above its mean (of R, G, B 123, 117, 104) is
  // brighter.
  double scale = 0;
  int least = 255, most = 0;
  for (int at = 0; at < 32; ++at) {
    const explain::Rgb a = y.at(at, at), b = n.at(at, at);
    least = std::min<int>(least, std::min({a.r, a.g, a.b}));
    most = std::max<int>(most, std::max({a.r, a.g, a.b}));
    if (std::abs(b.r - 123) > 10 && a.r > 0 && a.r < 255) {
      const double s = (a.r - 127.5) / (b.r - 123);
      if (scale == 0) scale = s;
      CHECK(s == doctest::Approx(scale).epsilon(0.12));  // both are rounded to whole levels
    }
  }
  CHECK(scale > 1);
  CHECK(least < 40);
  CHECK(most > 215);
}

TEST_CASE("visualize: layers, films, dreams, inversion, variants") {
  const Folder f;
  REQUIRE(f.run("film", {"--layer", "relu1", "--channel", "2", "--size", "40", "--steps", "4",
                         "--frames", "2", "--gif"}) == 0);
  CHECK(fs::exists(f.at("film/relu1_channel_2__lucid.gif")));
  CHECK(fs::exists(f.at("film/relu1_channel_2__lucid_frames/00002.png")));
  REQUIRE(f.run("zoom", {"--dream", "--layer", "relu2", "--picture", f.at("photo.png"), "--zoom",
                         "3", "--gif", "--steps", "2", "--option", "octaves=2", "--guide",
                         f.at("photo.png")}) == 0);
  CHECK(fs::exists(f.at("zoom/relu2_dream__dream_frames/00002.png")));
  CHECK_FALSE(fs::exists(f.at("zoom/relu2_dream__dream_frames/00003.png")));
  REQUIRE(f.run("invert", {"--invert", f.at("photo.png"), "--layer", "relu1", "--size", "32",
                           "--steps", "5"}) == 3);
  explain::Image square = explain::make_image(32, 32, {90, 120, 60});
  explain::fill(square, {8, 8, 10, 12}, {220, 40, 30});
  explain::write_png(f.at("square.png"), square);
  REQUIRE(f.run("inverted", {"--invert", f.at("square.png"), "--layer", "relu1", "--steps", "5"}) ==
          0);
  std::ofstream(f.at("v.txt")) << "1, 0, -1\n0 0 0.5 0 0\n";
  REQUIRE(f.run("direction", {"--direction", f.at("v.txt"), "--layer", "relu1", "--steps", "2",
                              "--cosine", "2"}) == 0);
  REQUIRE(f.run("variants",
                {"--layer", "relu2", "--channel", "1", "--variants", "3", "--steps", "2"}) == 0);
  CHECK(fs::exists(f.at("variants/relu2_channel_1__lucid__2.png")));
}

TEST_CASE("visualize: what cannot be is refused with the right code, and leaves no manifest") {
  const Folder f;
  CHECK(f.run("a", {}) == 2);
  CHECK(f.run("b", {"--class", "top1"}) == 2);
  CHECK(f.run("c", {"--class", "7"}) == 2);
  CHECK(f.run("d", {"--layer", "relu9", "--channel", "1"}) == 2);
  CHECK(f.run("e", {"--layer", "relu1", "--channel", "99", "--steps", "1"}) == 2);
  CHECK(f.run("g", {"--class", "1", "--mode", "fast"}) == 2);
  CHECK(f.run("h", {"--class", "1", "--option", "colour=1"}) == 2);
  CHECK(f.run("i", {"--class", "1", "--option", "rate=-1"}) == 2);
  CHECK(f.run("j", {"--class", "1", "--mode", "dream"}) == 2);
  std::ofstream(f.at("bad.txt")) << "1 2 nan";
  CHECK(f.run("k", {"--layer", "relu1", "--direction", f.at("bad.txt")}) == 3);
  for (const char* out : {"a", "b", "c", "d", "e", "g", "h", "i", "j", "k"}) {
    CHECK_FALSE(fs::exists(f.at(std::string(out) + "/manifest.json")));
  }
}
