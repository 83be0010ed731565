// cutaway evaluate: what it writes, held to its own parts measured by themselves.

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "explain/evaluate/baseline.h"
#include "explain/evaluator.h"
#include "explain/network.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/probability.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;

namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const std::string& path) {
  std::ifstream file(path);
  Rows rows;
  for (std::string line; std::getline(file, line);) {
    auto& row = rows.emplace_back();
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
    if (line.ends_with(',')) row.emplace_back();
  }
  return rows;
}

/// metrics.csv: picture, class, probability, method, metric, value.
double value_of(const Rows& rows,
                const std::string& picture,
                const std::string& method,
                const std::string& metric) {
  for (const auto& row : rows) {
    if (row[0].ends_with(picture) && row[3] == method && row[4] == metric) return std::stod(row[5]);
  }
  FAIL("no " << metric << " of " << method << " on " << picture);
  return 0;
}

}  // namespace

TEST_CASE("evaluate: a run's deletion and pointing, by single passes and by hand") {
  const Folder folder;
  make_tiny_model(folder / "net.h5");
  (void)make_pictures(folder, 4);
  // A Gaussian's maximum is in the middle: a box there is hit, one in the corner is not.
  put(folder / "truth.json",
      R"([{"file":"0.png","label":0,"boxes":[[15,13,25,23]]},
          {"file":"1.png","label":1,"boxes":[[0,0,3,3]]}])");
  REQUIRE(run({"evaluate", folder / "net.h5", folder / "p", "--out", folder / "out", "--method",
               "saliency,gradcam", "--metric", "deletion,pointing,energy", "--truth",
               folder / "truth.json", "--step", "32"}) == 0);
  const Rows rows = rows_of(folder / "out/metrics.csv");
  const std::vector<std::string> methods{"saliency",        "gradcam",        "baseline_random",
                                         "baseline_center", "baseline_sobel", "baseline_input"};
  CHECK(rows.size() == 1 + 4 * methods.size() * 3);
  CHECK(value_of(rows, "0.png", "baseline_center", "pointing") == 1.0);
  // 16 pixels of 32 to the middle: the corner's box ends at pixel 2.
  CHECK(value_of(rows, "1.png", "baseline_center", "pointing") == 0.0);
  CHECK(value_of(rows, "0.png", "baseline_center", "energy") >
        value_of(rows, "1.png", "baseline_center", "energy"));

  // Deletion by the Sobel map: 32 of 1024 pixels a step are set to the mean colour.
  const weights::Package package = weights::load(folder / "net.h5");
  const Tensor x = preprocess(read_image(folder / "p/0.png"), package.preprocess);
  const Tensor map = baseline_map(Baseline::kSobel, x, 0, 0);
  std::vector<std::size_t> order(1024);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return map.f32()[a] > map.f32()[b]; });
  Evaluator evaluator(package.model, {0, logits_node(package.model.graph)}, {CpuStream(1), {}});
  std::vector<std::vector<float>> scores;
  evaluator.run(
      33,
      [&](std::int64_t sample, std::span<float> values) {
        std::ranges::copy(x.f32(), values.begin());
        for (std::size_t k = 0; k < static_cast<std::size_t>(sample) * 32; ++k) {
          for (std::size_t c = 0; c < 3; ++c) values[c * 1024 + order[k]] = 0.0F;
        }
      },
      [&](const Evaluator::Batch& b) {
        for (std::int64_t i = 0; i < b.count; ++i)
          scores.emplace_back(b.scores(i).begin(), b.scores(i).end());
      });
  const auto target = std::ranges::max_element(scores[0]) - scores[0].begin();
  double area = 0;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    // Softmax anew, in plain words.
    double sum = 0;
    for (const float s : scores[k]) sum += std::exp(double{s});
    const double p = std::exp(double{scores[k][static_cast<std::size_t>(target)]}) / sum;
    area += k == 0 || k == 32 ? p / 2 : p;
  }
  CHECK(value_of(rows, "0.png", "baseline_sobel", "deletion") ==
        doctest::Approx(area / 32).epsilon(1e-5));

  // The summary is of those values, and nothing else.
  std::map<std::string, std::vector<double>> deletion;
  for (const auto& row : rows) {
    if (row[4] == "deletion") deletion[row[3]].push_back(std::stod(row[5]));
  }
  for (const auto& row : rows_of(folder / "out/summary.csv")) {
    if (row[1] != "deletion") continue;
    double mean = 0;
    for (const double v : deletion[row[0]]) mean += v / 4;
    CHECK(std::stod(row[2]) == doctest::Approx(mean).epsilon(1e-6));
    CHECK(std::stod(row[3]) <= mean);
    CHECK(std::stod(row[4]) >= mean);
    CHECK(row[5] == "4");
  }
  const std::string page = bytes_of(folder / "out/report.html");
  for (const std::string& method : methods) CHECK(page.find(method) != std::string::npos);
}

TEST_CASE("evaluate: the sanity check has baselines beside the methods") {
  const Folder folder;
  weights::save(tests::tiny_net(5, 64), folder / "net.h5");
  (void)make_pictures(folder, 3);
  REQUIRE(run({"evaluate", folder / "net.h5", folder / "p", "--out", folder / "out", "--method",
               "saliency", "--metric", "increase", "--sanity", "3", "--sanity-steps", "2",
               "--weights", "he"}) == 0);
  std::map<std::string, double> last;  // rank correlation of absolute values
  std::map<std::string, int> steps;
  for (const auto& row : rows_of(folder / "out/sanity.csv")) {
    if (row[3] != "spearman_absolute") continue;
    last[row[0]] = std::stod(row[4]);
    if (row[0] == "baseline_center") CHECK(row[5] == "1");  // no share of three hits
    ++steps[row[0]];
  }
  REQUIRE(last.size() == 5);
  CHECK(steps["saliency"] == 2);
  CHECK(steps["baseline_random"] == 2);
  CHECK(last["baseline_center"] == doctest::Approx(1.0));
  CHECK(last["baseline_input"] == doctest::Approx(1.0));
  CHECK(std::fabs(last["baseline_random"]) < 0.1);  // 64 x 64 ranks: five deviations are 0.08
  CHECK(last["saliency"] < 0.99);
  const std::string page = bytes_of(folder / "out/report.html");
  CHECK(page.find("Sanity check") != std::string::npos);
}

TEST_CASE("evaluate: continuity, with baselines beside; a stopped run goes on") {
  const Folder folder;
  make_tiny_model(folder / "net.h5");
  (void)make_pictures(folder, 3);
  const auto evaluate = [&](const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> words{
        "evaluate", folder / "net.h5", folder / "p",         "--out",  folder / out, "--method",
        "saliency", "--metric",        "insertion,increase", "--step", "128"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  REQUIRE(evaluate("a", {"--continuity", "3", "--shift", "2"}) == 0);
  const Rows rows = rows_of(folder / "a/continuity.csv");
  double center = -1, random = -1;
  for (const auto& row : rows) {
    if (row[1] != "translation" || row[2] != "raw") continue;
    if (row[0] == "baseline_center") center = std::stod(row[3]);
    if (row[0] == "baseline_random") random = std::stod(row[3]);
  }
  CHECK(center == 0.0);  // does not look at the picture
  CHECK(random > 0.0);   // and this one jumps with every pixel
  CHECK(fs::file_size(folder / "a/continuity.gif") > 500);
  CHECK(bytes_of(folder / "a/report.html").find("Continuity") != std::string::npos);

  // Stopped behind two pictures: the same files again.
  REQUIRE(evaluate("b", {}) == 0);
  const std::string whole = bytes_of(folder / "b/metrics.csv");
  std::ifstream journal(folder / "b/index.jsonl");
  std::string kept;
  int lines = 0;
  for (std::string line; lines < 3 && std::getline(journal, line); ++lines) kept += line + "\n";
  journal.close();
  put(folder / "b/index.jsonl", kept);
  fs::remove(folder / "b/manifest.json");
  fs::remove(folder / "b/metrics.csv");
  REQUIRE(evaluate("b", {"--resume"}) == 0);
  CHECK(bytes_of(folder / "b/metrics.csv") == whole);
  CHECK(evaluate("b", {"--metric", "accuracy"}) == tools::kExitUsage);
}
