// The localize verb, and ten crops in explain.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/crops/merge_crops.h"
#include "explain/localization/run/scene.h"
#include "explain/localization/run/scoreboard.h"
#include "explain/localization/run/truth.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/runs/crops.h"
#include "explain/session.h"
#include "runtime/error.h"
#include "runtime/files/npy.h"
#include "tests/support/source_dir.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tools;
using namespace cutaway::explain::test;

namespace {

/// The overlap column, and others, of boxes.csv.
std::vector<std::vector<std::string>> csv_rows(const std::string& path) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    rows.emplace_back();
    std::string field;
    for (const char c : line + ",") {
      if (c != ',') {
        field += c;
        continue;
      }
      rows.back().push_back(field);
      field.clear();
    }
  }
  return rows;
}

}  // namespace

TEST_CASE("explain --crops ten: the mean of ten maps of the frame, written out by hand") {
  const Folder folder;
  make_tiny_model(folder / "net.h5");
  write_image(folder / "a.png", speckled(1));
  const std::string out = folder / "out";
  REQUIRE(run({"explain", folder / "net.h5", folder / "a.png", "--method", "saliency,cam",
               "--target", "2", "--crops", "ten", "--crop-order", "pycaffe", "--crop-frame", "36",
               "--out", out}) == 0);
  const weights::Package package = weights::load(folder / "net.h5");
  weights::Preprocess rule = package.preprocess;
  rule.width = rule.height = 36;
  const Image frame = resize_and_crop(read_image(folder / "a.png"), rule);
  std::vector<double> sum(36 * 36, 0.0), count(36 * 36, 0.0), p(4, 0.0);
  for (int k = 0; k < 10; ++k) {
    const int x = k % 5 == 4 ? 2 : (k % 5) % 2 * 4, y = k % 5 == 4 ? 2 : (k % 5) / 2 * 4;
    Image cut = explain::crop(frame, {x, y, 32, 32});
    if (k >= 5) {
      Image mirrored = cut;
      for (int v = 0; v < 32; ++v) {
        for (int u = 0; u < 32; ++u) mirrored.set(u, v, cut.at(31 - u, v));
      }
      cut = mirrored;
    }
    Tensor input = zeros({1, 3, 32, 32});
    fill_input(cut, package.preprocess, input.ref().out(), 0);
    std::vector<explain::MethodPtr> methods;
    methods.push_back(explain::make_method("saliency"));
    explain::Session session(package.model, std::move(methods), input.shape(), CpuStream(1));
    const Tensor scores = session.forward(std::move(input)).clone();
    double total = 0.0;
    for (const float s : scores.f32()) total += std::exp(static_cast<double>(s));
    for (std::size_t c = 0; c < 4; ++c)
      p[c] += std::exp(static_cast<double>(scores.f32()[c])) / total / 10;
    const Tensor map = std::move(session.explain({2})[0].map);
    for (int v = 0; v < 32; ++v) {
      for (int u = 0; u < 32; ++u) {
        const auto at = static_cast<std::size_t>(36 * (y + v) + x + u);
        sum[at] += static_cast<double>(map.ref().in().at(0, 0, v, k >= 5 ? 31 - u : u));
        count[at] += 1;
      }
    }
  }
  const auto lines = json_lines(out + "/index.jsonl");
  std::string file;
  for (const auto& line : lines) {
    if (!line.contains("maps")) continue;
    for (const auto& map : line["maps"]) {
      if (map["method"] == "saliency") file = map["file"].get<std::string>();
    }
  }
  REQUIRE_FALSE(file.empty());
  const std::vector<float> got = files::read_npy(out + "/" + file, 36 * 36);
  double worst = 0.0, most = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(got[i]) - sum[i] / count[i]));
    most = std::max(most, sum[i] / count[i]);
  }
  CHECK(worst <= 1e-5 * most);  // a batch of ten rounds differently than ten of one
  const nlohmann::json manifest = json_file(out + "/manifest.json");
  CHECK(manifest.dump().find("\"crop_merge\":\"coverage_mean\"") != std::string::npos);
  CHECK(manifest.dump().find("\"crop_order\":\"pycaffe\"") != std::string::npos);
  // Predictions are the mean of the probabilities.
  const std::string index = bytes_of(out + "/index.jsonl");
  const auto best = std::ranges::max_element(p);
  bool found = false;
  for (const auto& line : lines) {
    if (!line.contains("predictions")) continue;
    found = true;
    const std::string text = line["predictions"].dump();
    const std::vector<std::string> names{"ant", "bee", "cat", "dog"};
    CHECK(text.find(names[static_cast<std::size_t>(best - p.begin())]) < 8);
  }
  CHECK(found);
}

TEST_CASE("explain --crops ten: every merge, resumable, refused where it has no meaning") {
  const Folder folder;
  make_tiny_model(folder / "net.h5");
  const std::string list = make_pictures(folder, 3);
  const auto with = [&](const std::string& merge, const std::string& method,
                        const std::string& out) {
    return run({"explain", folder / "net.h5", list, "--method", method, "--crops", "ten",
                "--crop-merge", merge, "--out", folder / out});
  };
  CHECK(with("authors", "cam,gradcam", "a") == 0);
  CHECK(with("plain", "saliency", "p") == 0);
  CHECK(with("coverage_mean", "guided", "g") == 0);
  CHECK(with("authors", "guided", "x") != 0);
  CHECK(with("median", "cam", "y") == kExitUsage);
  CHECK(run({"explain", folder / "net.h5", list, "--method", "cam", "--crops", "two", "--out",
             folder / "z"}) == kExitUsage);
  CHECK(run({"explain", folder / "net.h5", list, "--method", "cam", "--crops", "ten",
             "--crop-frame", "31", "--out", folder / "z"}) == kExitUsage);
  // Another merge is another run.
  CHECK(run({"explain", folder / "net.h5", list, "--method", "cam,gradcam", "--crops", "ten",
             "--resume", "--out", folder / "a"}) == kExitUsage);
  CHECK(run({"explain", folder / "net.h5", list, "--method", "cam,gradcam", "--crops", "ten",
             "--crop-merge", "authors", "--resume", "--out", folder / "a"}) == 0);
}

TEST_CASE("crops: the frame keeps the package's rule, or is warped") {
  weights::Preprocess rule;
  rule.resize = weights::ResizeRule::kShortSide;
  rule.short_side = 227;
  rule.crop = weights::CropRule::kCenter;
  rule.crop_width = rule.crop_height = 224;
  CropOptions o;
  CHECK_FALSE(choose_crops(o, rule, {1, 3, 224, 224}).has_value());
  o.crops = "ten";
  const auto ten = choose_crops(o, rule, {1, 3, 224, 224});
  REQUIRE(ten.has_value());
  CHECK(ten->plan.frame == 256);
  CHECK(ten->frame.short_side == 256);
  CHECK(ten->frame.crop_width == 256);
  CHECK(choose_crops(o, rule, {1, 3, 227, 227})->plan.frame == 256);
  CHECK(choose_crops(o, rule, {1, 3, 96, 96})->plan.frame == 110);
  o.resize = "warp";
  const auto warped = choose_crops(o, rule, {1, 3, 224, 224});
  CHECK(warped->frame.resize == weights::ResizeRule::kWarp);
  CHECK(warped->frame.interpolation == weights::Interpolation::kBilinearMatlab);
  CHECK_THROWS_AS((void)choose_crops(o, rule, {1, 3, 224, 200}), Error);
}

TEST_CASE("scenes: boxes go from the working picture to the file and back") {
  weights::Preprocess rule;
  rule.resize = weights::ResizeRule::kShortSide;
  rule.short_side = 256;
  rule.crop = weights::CropRule::kCenter;
  rule.crop_width = rule.crop_height = 224;
  const LocalScene scene(explain::make_image(1024, 512), rule,
                         100);  // seen: the middle 448 x 448, scaled to 100
  CHECK(scene.picture().width == 100);
  const explain::RealBox whole = scene.in_file({0, 0, 99, 99});
  CHECK(whole.x1 == 288.0);
  CHECK(whole.x2 == 735.0);
  CHECK(whole.y1 == 32.0);
  CHECK(whole.y2 == 479.0);
  CHECK(scene.in_picture(whole) == explain::Rect{0, 0, 100, 100});
  const explain::RealBox part = scene.in_file({25, 50, 49, 74});
  CHECK(part.x1 == 400.0);
  CHECK(part.x2 == 511.0);
  CHECK(scene.in_picture(part) == explain::Rect{25, 50, 25, 25});
  const std::vector<explain::RealBox> truth{{0, 32, 511, 255}};
  CHECK(scene.scaled(truth, 224).at(0) == explain::Box{0, 0, 111, 111});
}

TEST_CASE("truth: lists of boxes, creatures' truth, CSV; damage is named") {
  const Folder folder;
  put(folder / "a.json",
      R"([{"file":"images/x.png","label":3,"boxes":[[1,2,3.5,4],[0,0,9,9]]},{"file":"b/y.png","boxes":[]},{"file":"c/y.png"}])");
  const Truth a(folder / "a.json");
  REQUIRE(a.find("images/x.png") != nullptr);
  CHECK(a.find("images/x.png")->label == 3);
  CHECK(a.find("images/x.png")->boxes.at(0).x2 == 3.5);
  CHECK(a.find("x.png") == a.find("images/x.png"));
  CHECK(a.find("b/y.png") != nullptr);
  CHECK(a.find("y.png") == nullptr);  // ambiguous
  CHECK(a.find("z.png") == nullptr);
  put(folder / "t.json",
      R"({"classes":["u"],"images":[{"file":"images/0.png","label":0,"box":[5,6,7,8]}]})");
  CHECK(Truth(folder / "t.json").find("0.png")->boxes.at(0).y1 == 6.0);
  put(folder / "l.csv", "file,label,x1,y1,x2,y2\nq.png,2,1,2,3,4\nq.png,2,5,6,7,8\nr.png,1,,,,\n");
  const Truth l(folder / "l.csv");
  CHECK(l.find("q.png")->boxes.size() == 2);
  CHECK(l.find("r.png")->boxes.empty());
  CHECK(l.find("r.png")->label == 1);
  for (const char* bad :
       {"", "[", "7", "{\"images\":3}", "[{\"file\":1}]", "[{\"file\":\"a\",\"label\":-1}]",
        "[{\"file\":\"a\",\"boxes\":[[1,2,3]]}]", "[{\"file\":\"a\",\"boxes\":[[3,2,1,4]]}]",
        "[{\"file\":\"a\",\"boxes\":[[0,0,1e300,4]]}]", "[{\"file\":\"a\",\"label\":\"x\"}]"}) {
    CAPTURE(bad);
    put(folder / "bad.json", bad);
    CHECK_THROWS_AS((void)Truth(folder / "bad.json"), Error);
  }
  for (const char* bad : {"", "name\nx\n", "file,label\nx,-2\n", "file,label\nx,1,2\n",
                          "file,x1,y1,x2,y2\nx,1,2,b,4\n"}) {
    CAPTURE(bad);
    put(folder / "bad.csv", bad);
    CHECK_THROWS_AS((void)Truth(folder / "bad.csv"), Error);
  }
}

TEST_CASE("the table: shares, intervals, errors by hand") {
  std::vector<PictureScore> scores;
  for (int i = 0; i < 8; ++i) {
    PictureScore s;
    s.label = i < 6 ? 0 : 1;  // CorLoc: class 0 has 3 of 6, class 1 none
    s.rank = i < 4 ? 0 : i < 6 ? 3 : -1;
    s.boxes = {{i % 2 == 0 && i < 6 ? 0.75 : 0.25, i == 0, i < 2, i < 4}};
    scores.push_back(s);
  }
  const LocalizationTable t = make_table(scores, {{"cam", "threshold"}}, {}, 200, 0.01, 1, 5);
  REQUIRE(t.boxes.size() == 1);
  CHECK(t.top1.value == 0.5);
  CHECK(t.topk.value == 0.25);
  CHECK(t.boxes[0].gt_known.value == 3.0 / 8);
  CHECK(t.boxes[0].corloc.value == 0.25);
  CHECK(t.boxes[0].overlap.value == doctest::Approx((3 * 0.75 + 5 * 0.25) / 8));
  CHECK(t.boxes[0].top1_error.value == 7.0 / 8);
  CHECK(t.boxes[0].topk_error.value == 0.75);
  CHECK(t.boxes[0].five_error.value == 0.5);
  CHECK(t.boxes[0].gt_known.low < 3.0 / 8);
  CHECK(t.boxes[0].gt_known.high > 3.0 / 8);
  CHECK(to_text(t).find("37.5") != std::string::npos);
}

TEST_CASE("localize: the shipped net finds creatures; results, lines and pictures agree") {
  const Folder folder;
  REQUIRE(run({"dataset", "make", "creatures", folder / "data", "--count", "24", "--seed", "5"}) ==
          0);
  const std::string net = source_dir() + "/weights/shipped/creatures.h5";
  const auto localize = [&](const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> words{"localize",
                                   net,
                                   folder / "data",
                                   "--out",
                                   folder / out,
                                   "--truth",
                                   folder / "data/truth.json",
                                   "--samples",
                                   "100"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  REQUIRE(localize("a", {"--method", "cam,saliency", "--boxes", "threshold,dt,graphcut,grabcut",
                         "--pictures", "2", "--top", "3", "--tau-step", "0.01"}) == 0);
  const nlohmann::json results = json_file(folder / "a/results.json");
  CHECK(results["images"] == 24);
  CHECK(results["with_boxes"] == 24);
  REQUIRE(results["localization"].size() == 10);  // two methods, four rules; two baselines
  REQUIRE(results["max_box_acc"].size() == 3);
  double by_cam = 0.0, whole = 0.0;
  for (const auto& row : results["localization"]) {
    const double known = row["gt_known"]["value"].get<double>();
    CHECK(row["gt_known"]["low"].get<double>() <= known);
    CHECK(row["gt_known"]["high"].get<double>() >= known);
    // Whatever is localised in top-1 is also localised when the class is known.
    CHECK(1.0 - row["top1_error"]["value"].get<double>() <= known + 1e-12);
    CHECK(row["topk_error"]["value"].get<double>() <= row["top1_error"]["value"].get<double>());
    if (row["method"] == "cam" && row["boxes"] == "threshold") by_cam = known;
    if (row["boxes"] == "whole picture") whole = known;
  }
  CHECK(by_cam > 0.6);
  CHECK(by_cam > whole);
  // The lines say the same.
  const auto rows = csv_rows(folder / "a/boxes.csv");
  double found = 0.0;
  for (const auto& row : rows) {
    if (row[1] == "cam" && row[2] == "threshold" && row[7] == "1" && !row[12].empty()) {
      found += std::stod(row[12]) >= 0.5 ? 1 : 0;
    }
  }
  CHECK(found / 24 == doctest::Approx(by_cam));
  int pictures = 0;
  for (const auto& entry : fs::directory_iterator(folder / "a"))
    pictures += entry.path().extension() == ".png" ? 1 : 0;
  CHECK(pictures == 2);
  CHECK(fs::exists(folder / "a/report.html"));
  CHECK(json_file(folder / "a/manifest.json").dump().find("\"graphcut.gamma\":50") !=
        std::string::npos);
  CHECK(localize("a", {}) == kExitUsage);  // finished

  // The same numbers for another batch, also of GrabCut and GraphCut.
  REQUIRE(localize("b", {"--method", "cam,saliency", "--boxes", "threshold,dt,graphcut,grabcut",
                         "--pictures", "0", "--top", "3", "--tau-step", "0.01", "--batch", "7"}) ==
          0);
  CHECK(bytes_of(folder / "b/boxes.csv") == bytes_of(folder / "a/boxes.csv"));
  // evaluate's measure of the same rule, net and kind of picture stays in reach: ten crops work end
  // to end.
  REQUIRE(localize("c", {"--crops", "ten", "--crop-merge", "authors", "--boxes", "dt", "--jpeg",
                         "75", "--resample", "cubic-matlab", "--pictures", "1"}) == 0);
  CHECK(json_file(folder / "c/results.json")["localization"][0]["gt_known"]["value"].get<double>() >
        0.3);
}

TEST_CASE("localize: a stopped run goes on, and gives the files of an undisturbed one") {
  const Folder folder;
  REQUIRE(run({"dataset", "make", "creatures", folder / "data", "--count", "9", "--seed", "5"}) ==
          0);
  put(folder / ("data/" + csv_rows(folder / "data/labels.csv").at(6).at(0)), "no picture");
  const std::string net = source_dir() + "/weights/shipped/creatures.h5";
  const auto localize = [&](const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> words{"localize",
                                   net,
                                   folder / "data",
                                   "--out",
                                   folder / out,
                                   "--truth",
                                   folder / "data/truth.json",
                                   "--samples",
                                   "50",
                                   "--method",
                                   "cam",
                                   "--boxes",
                                   "threshold,dt",
                                   "--tau-step",
                                   "0.01",
                                   "--batch",
                                   "2",
                                   "--pictures",
                                   "3"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const int whole = localize("whole", {});
  REQUIRE((whole == kExitOk || whole == kExitPartial));
  const std::string log = bytes_of(folder / "whole/index.jsonl");
  const auto line_end = [&](int lines) {
    std::size_t at = 0;
    for (int i = 0; i < lines; ++i) at = log.find('\n', at) + 1;
    return at;
  };
  // Stopped among the pictures that are drawn, behind them in the middle of a line, and at the end.
  for (const std::size_t bytes : {line_end(3), line_end(6) + 40, log.size()}) {
    CAPTURE(bytes);
    fs::remove_all(folder / "part");
    fs::copy(folder / "whole", folder / "part", fs::copy_options::recursive);
    for (const char* file : {"manifest.json", "boxes.csv", "results.json", "report.html"})
      fs::remove(folder / ("part/" + std::string(file)));
    put(folder / "part/index.jsonl", log.substr(0, bytes));
    CHECK(localize("part", {}) == kExitUsage);  // it must be said what to do with it
    CHECK(localize("part", {"--resume", "--top", "3"}) == kExitUsage);
    CHECK(localize("part", {"--resume"}) == whole);
    for (const char* file : {"index.jsonl", "boxes.csv", "results.json"}) {
      CAPTURE(file);
      CHECK(bytes_of(folder / ("part/" + std::string(file))) ==
            bytes_of(folder / ("whole/" + std::string(file))));
    }
    const auto manifest = json_file(folder / "part/manifest.json");
    CHECK(manifest["counts"] == json_file(folder / "whole/manifest.json")["counts"]);
    CHECK(manifest["methods"].size() == 1);
  }
  const auto truth = bytes_of(folder / "data/truth.json");
  put(folder / "data/truth.json", truth + " ");
  CHECK(localize("part", {"--resume"}) == kExitUsage);
}

TEST_CASE("localize: without truth, with labels only, and with what cannot be") {
  const Folder folder;
  make_tiny_model(folder / "net.h5");
  const std::string list = make_pictures(folder, 3);
  const auto localize = [&](const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> words{"localize", folder / "net.h5", list, "--out", folder / out};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  CHECK(localize("a", {"--top", "2", "--method", "gradcam"}) == 0);
  CHECK(csv_rows(folder / "a/boxes.csv").size() == 1 + 3 * 2);
  const nlohmann::json results = json_file(folder / "a/results.json");  // the list has labels
  CHECK(results["labelled"] == 3);
  CHECK(results["localization"].empty());
  CHECK(localize("u", {"--boxes", "otsu"}) == kExitUsage);
  CHECK(localize("u", {"--boxes", "threshold:1.5"}) == kExitUsage);
  CHECK(localize("u", {"--boxes", "dt:0.2"}) == kExitUsage);
  CHECK(localize("u", {"--method", "guided"}) != 0);
  CHECK(localize("u", {"--truth", folder / "none.json"}) == kExitInput);
  CHECK_FALSE(fs::exists(folder / "u/manifest.json"));
  put(folder / "p/1.png", "no picture");
  CHECK(localize("d", {}) == kExitPartial);
}
