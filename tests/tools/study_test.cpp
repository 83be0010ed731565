// The study verbs end to end, on a tiny net (Zeiler & Fergus 2013).

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "explain/evaluator.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/report/chart.h"
#include "explain/study/run/occlusion_pictures.h"
#include "explain/study/run/part_images.h"
#include "layers/executor.h"
#include "runtime/files/npy.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tools;
using namespace cutaway::explain::test;

namespace {

/// The scores of a picture, a part of which is painted with the net's mean colour.
std::vector<float> scores_of(const weights::Package& package,
                             const std::string& file,
                             const Region& hidden) {
  Tensor x = preprocess(read_image(file), package.preprocess);
  x = explain::painted(x, hidden, std::vector<float>{0, 0, 0});
  PlanRequest r;
  Executor e(package.model, r, CpuStream(1));
  e.set_input(x);
  e.forward();
  const Tensor y = e.read(e.output());
  return {y.f32().begin(), y.f32().end()};
}

/// What a verb prints to stdout, through a file; it must end well.
std::string printed(const std::string& file, const std::vector<std::string>& arguments) {
  std::fflush(stdout);
  const int kept = dup(1);
  const int to = open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
  REQUIRE((kept >= 0 && to >= 0));
  dup2(to, 1);
  close(to);
  const int code = run(arguments);
  std::fflush(stdout);
  dup2(kept, 1);
  close(kept);
  CHECK(code == 0);
  return bytes_of(file);
}

}  // namespace

TEST_CASE("study occlusion: panels, numbers, page; a picture that cannot be read is listed") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  const std::string list = make_pictures(f, 5);
  put(f / "p/3.png", "no picture");
  REQUIRE(run({"study", "occlusion", f / "net.h5", list, "--size", "8", "--stride", "6", "--data",
               list, "--out", f / "out"}) == 5);
  const auto study = json_file(f / "out/study.json");
  CHECK(study["layer"] == "relu2");
  CHECK(study["rows"] == 5);
  REQUIRE(study["images"].size() == 4);
  const weights::Package package = weights::load(f / "net.h5");
  const auto& image = study["images"][1];
  CHECK(image["name"] == "p/1.png");
  CHECK(image["class"] == 1);  // its label
  CHECK(image["class_why"] == "true class");
  const auto clear = scores_of(package, f / "p/1.png", {});
  CHECK(image["probability"].get<double>() ==
        doctest::Approx(explain::probability(clear, 1)).epsilon(1e-5));
  const auto d = files::read_npy(f / "out/p_1__probability.npy", 25);
  const auto b = files::read_npy(f / "out/p_1__activation.npy", 25);
  for (std::int64_t i = 0; i < 5; ++i) {
    for (std::int64_t j = 0; j < 5; ++j) {
      const auto scores =
          scores_of(package, f / "p/1.png", {{6 * i, 6 * i + 7}, {6 * j, 6 * j + 7}});
      // Two float32 passes.
      CHECK(std::fabs(static_cast<double>(d[static_cast<std::size_t>(5 * i + j)]) -
                      explain::probability(scores, 1)) < 1e-5);
    }
  }
  CHECK(*std::ranges::min_element(b) == doctest::Approx(image["least_activation"].get<float>()));
  const std::string csv = bytes_of(f / "out/p_1.csv");
  CHECK(std::ranges::count(csv, '\n') == 26);
  CHECK(contains(csv, "top,left,bottom,right,activation,probability,class\n0,0,7,7,"));
  const Image picture = read_image(f / "out/p_1.png");
  CHECK(picture.width > 5 * 32);
  CHECK(picture.height > 2 * 32);  // a second row: elsewhere
  const std::string page = bytes_of(f / "out/report.html");
  CHECK(contains(page, "data:image/png;base64,"));
  CHECK_FALSE(contains(page, "src=\"http"));
  const auto manifest = json_file(f / "out/manifest.json");
  CHECK(manifest["counts"]["failed"] == 1);
  CHECK(manifest["failures"].size() == 1);
  CHECK(manifest["methods"][0]["parameters"]["size"] == 8);
  CHECK(manifest["methods"][0]["parameters"]["fill"] == "mean");
  CHECK(run({"study", "occlusion", f / "net.h5", list, "--out", f / "out"}) == 2);  // finished
}

TEST_CASE("study occlusion: options are carried out, and wrong ones refused") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 1);
  const std::string net = f / "net.h5", picture = f / "p/0.png";
  REQUIRE(run({"study",       "occlusion",  net,         picture,    "--fill",
               "grey",        "--centered", "--size",    "5",        "--stride",
               "8",           "--anchor",   "pooled",    "--layer",  "relu1",
               "--strongest", "sum",        "--display", "bilinear", "--target",
               "dog",         "--colormap", "jet",       "--out",    f / "out"}) == 0);
  const auto study = json_file(f / "out/study.json");
  CHECK(study["layer"] == "pool1");
  CHECK(study["rows"] == 4);
  CHECK(study["images"][0]["class"] == 3);
  const auto fill = json_file(f / "out/manifest.json")["methods"][0]["parameters"]["fill_values"];
  CHECK(fill[0] == 0.0);  // this net's mean is 127.5
  const std::vector<std::pair<std::vector<std::string>, int>> wrong{
      {{"--size", "33"}, 2},     {{"--fill", "red"}, 2},
      {{"--layer", "conv9"}, 2}, {{"--target", "yak"}, 2},
      {{"--data", "-"}, 2},      {{"--anchor", "pooled"}, 3}};  // nothing pools relu2
  for (const auto& [words, code] : wrong) {
    std::vector<std::string> all{"study", "occlusion", net, picture, "--out", f / "other"};
    all.insert(all.end(), words.begin(), words.end());
    CAPTURE(words[0]);
    CHECK(run(all) == code);
    CHECK_FALSE(fs::exists(f / "other/manifest.json"));
  }
}

TEST_CASE("study correspondence: boxes by picture, places in the net's pixels, the table") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 4);  // 40 x 36, warped to 32 x 32
  put(f / "boxes.json",
      R"({"p/0.png": {"object": [0, 0, 39, 35], "eye": [0, 0, 9, 8], "leg": [20, 18, 29, 35]},
    "p/1.png": {"object": [10, 9, 39, 35], "eye": [10, 9, 19, 17], "leg": [30, 27, 39, 35]},
    "p/2.png": {"eye": [0, 0, 9, 8], "leg": [30, 27, 39, 35]},
    "p/3.png": {"eye": [0, 0, 9, 8]}})");
  REQUIRE(run({"study", "correspondence", f / "net.h5", f / "p/0.png", f / "p/1.png", f / "p/2.png",
               "--boxes", f / "boxes.json", "--draws", "4", "--seed", "3", "--out", f / "out"}) ==
          0);
  const auto study = json_file(f / "out/study.json");
  REQUIRE(study["images"].size() == 3);
  CHECK(study["images"][0]["parts"]["eye"] == nlohmann::json{0, 0, 7, 7});
  CHECK(study["images"][0]["parts"]["leg"] == nlohmann::json{16, 16, 23, 31});
  CHECK(study["images"][1]["object"] == nlohmann::json{8, 8, 31, 31});
  CHECK(study["images"][2]["object"] == nlohmann::json{0, 0, 31, 31});  // no box: the whole picture
  CHECK(study["images"][0]["random"].size() == 4);
  REQUIRE(study["table"].size() == 6);  // two parts and random, at two layers
  for (const auto& row : study["table"]) {
    CHECK(row["mean"].get<double>() >= 0.0);
    CHECK(row["mean"].get<double>() <= 1.0);
    if (row["hidden"] == "random") continue;
    const double features = row["layer"] == "relu2" ? 6 * 16 * 16 : 6;
    CHECK(row["sum"].get<double>() == doctest::Approx(6 * features * row["mean"].get<double>()));
  }
  CHECK(study["table"][0]["layer"] == "relu2");
  CHECK(study["table"][1]["layer"] == "gap");
  CHECK(fs::exists(f / "out/hidden.png"));
  CHECK(contains(bytes_of(f / "out/report.html"), "random"));
  // Cut out, the eye of image 1 is where the eye of image 0 is.
  REQUIRE(run({"study", "correspondence", f / "net.h5", f / "p/0.png", f / "p/1.png", "--boxes",
               f / "boxes.json", "--parts", "eye", "--cut", "--draws", "0", "--out", f / "cut"}) ==
          0);
  const auto cut = json_file(f / "cut/study.json");
  CHECK(cut["images"][1]["parts"]["eye"][0] == 0);
  CHECK(cut["table"].size() == 2);
  // No object has this part; one picture is no pair; a damaged list.
  CHECK(run({"study", "correspondence", f / "net.h5", f / "p/0.png", f / "p/1.png", "--boxes",
             f / "boxes.json", "--parts", "wing", "--out", f / "x"}) == 3);
  CHECK(run({"study", "correspondence", f / "net.h5", f / "p/0.png", "--boxes", f / "boxes.json",
             "--out", f / "x"}) == 3);
  CHECK(run({"study", "correspondence", f / "net.h5", f / "p/0.png", f / "p/1.png", "--out",
             f / "x"}) == 2);
  put(f / "damaged.json", R"({"p/0.png": {"eye": [0, 0, 1e9, 8]}})");
  CHECK(run({"study", "correspondence", f / "net.h5", f / "p/0.png", "--boxes", f / "damaged.json",
             "--out", f / "x"}) == 3);
  put(f / "damaged.json", R"({"p/0.png": [1, 2]})");
  CHECK(run({"study", "correspondence", f / "net.h5", f / "p/0.png", "--boxes", f / "damaged.json",
             "--out", f / "x"}) == 3);
}

TEST_CASE("study correspondence: creatures with their truth") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  REQUIRE(run({"dataset", "make", "creatures", f / "data", "--count", "40", "--size", "64",
               "--seed", "2"}) == 0);
  REQUIRE(run({"study", "correspondence", f / "net.h5", f / "data", "--category", "giraffe",
               "--count", "3", "--draws", "2", "--out", f / "out"}) == 0);
  const auto study = json_file(f / "out/study.json");
  CHECK(study["images"].size() == 3);
  CHECK(study["images"][0]["parts"].size() >= 1);
}

TEST_CASE(
    "study invariance: curves of every image, charts, and the picture as it is in their middle") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  const std::string list = make_pictures(f, 2);
  REQUIRE(run({"study", "invariance", f / "net.h5", list, "--shift", "6", "--shift-steps", "5",
               "--scale-steps", "3", "--rotation-steps", "4", "--out", f / "out"}) == 0);
  const auto study = json_file(f / "out/study.json");
  CHECK(study["layers"] == nlohmann::json{"pool1", "gap"});
  REQUIRE(study["images"].size() == 2);
  const auto& changes = study["images"][1]["changes"];
  CHECK(changes[0]["amounts"] == nlohmann::json{-6.0, -3.0, 0.0, 3.0, 6.0});
  CHECK(changes[1]["amounts"] == nlohmann::json{1.0, 1.4, 1.8});
  CHECK(changes[2]["amounts"] == nlohmann::json{0.0, 90.0, 180.0, 270.0});
  const weights::Package package = weights::load(f / "net.h5");
  const double clear = explain::probability(scores_of(package, f / "p/1.png", {}), 1);
  for (const auto& [change, still] : {std::pair<int, int>{0, 2}, {1, 0}, {2, 0}}) {
    CHECK(changes[static_cast<std::size_t>(change)]["distances"][0]
                 [static_cast<std::size_t>(still)] == 0.0);
    CHECK(changes[static_cast<std::size_t>(change)]["probability"][static_cast<std::size_t>(still)]
              .get<double>() == doctest::Approx(clear).epsilon(1e-5));
  }
  CHECK(changes[0]["distances"][0][0].get<double>() > 0.0);
  const std::string csv = bytes_of(f / "out/curves.csv");
  CHECK(std::ranges::count(csv, '\n') == 1 + 2 * (5 + 3 + 4));
  for (const char* file :
       {"shift__layer1.svg", "scale__layer2.svg", "rotation__probability.svg", "p_0.png"})
    CHECK(fs::exists(f / ("out/" + std::string(file))));
  CHECK(contains(bytes_of(f / "out/report.html"), "<svg"));
}

TEST_CASE("charts: round ticks, a gap where a value is missing, every curve its colour") {
  CHECK(round_ticks(0, 1, 5) == std::vector<double>{0, 0.2, 0.4, 0.2 * 3, 0.8, 1});
  CHECK(round_ticks(-60, 60, 6) == std::vector<double>{-60, -40, -20, 0, 20, 40, 60});
  CHECK(round_ticks(3, 3, 5) == std::vector<double>{3});
  CHECK(round_ticks(0, 7e6, 5).size() <= 8);
  Chart chart{"a < b", "pixels", {0, 1, 2, 3}, {{1, 2, std::nan(""), 4}, {4, 3, 2, 1}}, 0, 0};
  const std::string svg = chart_svg(chart);
  CHECK(contains(svg, "a &lt; b"));
  CHECK_FALSE(contains(svg, "nan"));
  const auto first = svg.find("stroke=\"#332288\"");
  REQUIRE(first != std::string::npos);
  const std::string path = svg.substr(svg.rfind("<path", first), first - svg.rfind("<path", first));
  CHECK(std::ranges::count(path, 'M') == 2);  // two pieces
  CHECK(contains(svg, "#cc6677"));
  CHECK(contains(chart_svg({"empty", "x", {}, {}, 0, 0}), "</svg>"));
}

TEST_CASE("the legend of classes: the true one first, the rest together") {
  const auto legend = class_legend({5, 5, 5, 2, 7, 7}, 2);
  REQUIRE(legend.size() == 3);
  CHECK((legend[0].label == 2 && legend[0].positions == 1));
  CHECK((legend[1].label == 5 && legend[1].positions == 3));
  std::vector<std::int64_t> many;
  for (std::int64_t k = 0; k < 30; ++k) many.push_back(k);
  const auto long_legend = class_legend(many, 29);
  CHECK(long_legend.size() == category_colors().size());
  CHECK(long_legend.front().label == 29);
  CHECK((long_legend.back().label == -1 && long_legend.back().positions == 21));
}

TEST_CASE(
    "rectangles of a picture in what the net sees: rounded outwards, clipped, empty outside") {
  // Columns 10 to 29 and rows 0 to 19 of a picture became 40 x 40.
  const explain::Rect seen{10, 0, 20, 20};
  CHECK(region_seen({10, 0, 29, 19}, seen, 40, 40) == Region{{0, 39}, {0, 39}});
  CHECK(region_seen({12, 3, 12, 3}, seen, 40, 40) == Region{{6, 7}, {4, 5}});
  CHECK(region_seen({0, 0, 14.3, 4}, seen, 40, 40) == Region{{0, 9}, {0, 10}});
  CHECK(region_seen({0, 0, 5, 4}, seen, 40, 40).empty());
  CHECK(region_seen({30, 0, 35, 4}, seen, 40, 40).empty());
}

TEST_CASE("filters --data: a filter that never answers is dead however strong it is") {
  const Folder f;
  Graph g({1, 3, 16, 16});
  g.add("conv1", std::make_shared<Conv>(4, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu1", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(2));
  Model model(std::move(g));
  model.parameters = Parameters::initialized(model.graph, 1);
  model.parameters.of(1)[1].f32()[2] = -1e6f;  // never above 0
  weights::Preprocess rule;
  rule.resize = weights::ResizeRule::kWarp;
  rule.width = rule.height = 16;
  weights::save({std::move(model), rule, {"a", "b"}, {}}, f / "net.h5");
  make_pictures(f, 2);
  for (const bool with_data : {false, true}) {
    std::vector<std::string> all{"filters", f / "net.h5", "--json"};
    if (with_data) all.insert(all.end(), {"--data", f / "p"});
    const auto result = nlohmann::json::parse(printed(f / "stdout", all));
    CHECK(result["dead"] == (with_data ? 1 : 0));
    CHECK(result["filters"][2]["dead"] == with_data);
    CHECK(result["filters"][2].contains("silent") == with_data);
    CHECK(result["filters"][1]["dead"] == false);
  }
  CHECK(run({"filters", f / "net.h5", "--data", f / "none"}) == 3);
}
