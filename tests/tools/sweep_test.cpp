// Nets compared: what a sweep's file may say, its figures, and that a stopped one goes on.

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>

#include "explain/training/data/open_data.h"
#include "explain/training/sweep/sweep_run.h"
#include "runtime/error.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain::test;
using namespace cutaway::training;

namespace {

constexpr const char* kNet = R"({"input": {"channels": 3, "height": 16, "width": 16}, "nodes": [
  {"type": "conv", "name": "conv1", "channels": 6, "kernel": 3, "pad": 1},
  {"type": "relu", "name": "relu1"},
  {"type": "max_pool", "name": "pool1", "kernel": 2, "stride": 2},
  {"type": "conv", "name": "conv2", "channels": 6, "kernel": 3, "pad": 1},
  {"type": "relu", "name": "relu2"},
  {"type": "global_average_pool", "name": "gap"},
  {"type": "dense", "name": "fc", "features": "classes"}]})";

constexpr const char* kSweep = R"({"seeds": [1, 2], "net": "net.json",
  "recipe": {"epochs": 2, "batch": 4, "validation": 0.25},
  "localize": {"data": ["p/left"], "boxes": "boxes.json", "method": "gradcam"},
  "variants": [{"name": "whole"}, {"name": "without/conv2", "remove": ["conv2", "relu2"]},
               {"name": "wide", "widen": {"conv1": 2}, "recipe": {"epochs": 1}}]})";

/// Bright on the left, or on the right: two classes, and a box around it.
void write_data(const Folder& f) {
  std::string boxes;
  for (int i = 0; i < 16; ++i) {
    const bool left = i % 2 == 0;
    explain::Image image = explain::make_image(16, 16, {20, 30, 40});
    for (int y = 4; y < 12; ++y) {
      for (int x = 0; x < 6; ++x) {
        std::uint8_t* p = &image.rgb[static_cast<std::size_t>((y * 16 + (left ? x : 15 - x)) * 3)];
        p[0] = p[1] = p[2] = static_cast<std::uint8_t>(180 + i);
      }
    }
    const std::string name =
        std::string("p/") + (left ? "left/" : "right/") + std::to_string(i) + ".png";
    fs::create_directories(f / (left ? "p/left" : "p/right"));
    write_image(f / name, image);
    if (left) {
      boxes += (boxes.empty() ? "[" : ",") + std::string(R"({"file": ")") + std::to_string(i) +
               R"(.png", "label": 0, "boxes": [[0, 4, 6, 12]]})";
    }
  }
  put(f / "boxes.json", boxes + "]");
  put(f / "net.json", kNet);
  put(f / "sweep.json", kSweep);
}

SweepJob job_of(const Folder& f, const std::string& out) {
  SweepJob job;
  job.plan = load_sweep(f / "sweep.json", {});
  job.set = open_data(f / "p", silent_observer());
  job.data = f / "p";
  job.out = f / out;
  return job;
}

class StopAfter final : public Observer {
 public:
  explicit StopAfter(int epochs) : left_(epochs) {}
  void progress(std::string_view task, double done, double total) override {
    if (task == "train" && done == total && --left_ <= 0) stop_ = true;
  }
  [[nodiscard]] bool cancelled() const noexcept override { return stop_; }

 private:
  int left_;
  std::atomic<bool> stop_{false};
};

explain::RunContext context_of(Observer& observer) {
  explain::RunContext c({}, observer);
  c.settings.threads = 1;
  return c;
}

/// runs.csv without its seconds.
std::string figures(const std::string& path) {
  std::string text;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t folder = line.rfind(','), seconds = line.rfind(',', folder - 1);
    text += line.substr(0, seconds) + line.substr(folder) + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("sweep: means, Student's intervals and differences paired by seed") {
  std::vector<SweepRun> runs;
  for (const double a : {0.80, 0.84, 0.88}) {
    SweepRun r;
    r.variant = "a";
    r.accuracy = a;
    r.filters = 8;
    r.dead_filters = 2;
    r.max_box_acc = std::nan("");
    runs.push_back(r);
  }
  for (const double b : {0.81, 0.86, 0.88}) {
    SweepRun r;
    r.variant = "b";
    r.accuracy = b;
    runs.push_back(r);
  }
  const auto rows = sweep_rows(runs);
  REQUIRE(rows.size() == 2);
  const auto& accuracy = rows[0].measures[0];
  CHECK(accuracy.name == "accuracy");
  CHECK(accuracy.value.value == doctest::Approx(0.84));
  // Deviation 0.04, by the root of 3, times 4.30265.
  CHECK(accuracy.value.high - accuracy.value.value == doctest::Approx(0.0993655).epsilon(1e-4));
  CHECK(accuracy.above_first.value == doctest::Approx(0.0));
  const auto& above = rows[1].measures[0].above_first;
  CHECK(above.value == doctest::Approx(0.01));  // 0.01, 0.02, 0: deviation 0.01
  CHECK(above.high - above.value == doctest::Approx(0.0248414).epsilon(1e-4));
  CHECK(std::isnan(rows[0].measures[2].value.value));  // no boxes
  CHECK(rows[0].measures[3].value.value == doctest::Approx(0.25));
  const auto one = sweep_rows({runs.front()});
  CHECK_FALSE(one[0].measures[0].value.known());
  CHECK(one[0].measures[0].value.value == doctest::Approx(0.80));
}

TEST_CASE("sweep: trains every variant once a seed; stopped and resumed, the same figures") {
  const Folder f;
  write_data(f);
  const SweepSummary whole = run_sweep(job_of(f, "whole"), context_of(silent_observer()));
  REQUIRE(whole.runs.size() == 6);
  REQUIRE(whole.rows.size() == 3);
  CHECK(whole.runs[0].parameters > whole.runs[2].parameters);
  CHECK(whole.runs[0].filters == 6);
  CHECK(whole.runs[4].filters == 12);
  CHECK(whole.runs[0].maps == 12);
  CHECK(whole.runs[2].maps == 6);
  for (const SweepRun& r : whole.runs) CHECK((r.max_box_acc >= 0 && r.max_box_acc <= 1));
  CHECK(fs::exists(f / "whole/wide/seed-2/net.h5"));
  CHECK(json_file(f / "whole/whole/seed-2/recipe.json")["seed"] == 2);
  CHECK(json_file(f / "whole/wide/seed-1/recipe.json")["epochs"] == 1);
  CHECK(contains(bytes_of(f / "whole/runs.csv"), "without/conv2,1"));

  SweepJob job = job_of(f, "parts");
  job.resume = true;
  int stops = 0;
  for (;; ++stops) {
    REQUIRE(stops < 20);
    StopAfter observer(1);
    try {
      (void)run_sweep(job, context_of(observer));
      break;
    } catch (const Cancelled&) {
      CHECK_FALSE(fs::exists(f / "parts/manifest.json"));
    }
  }
  CHECK(stops >= 5);
  CHECK(figures(f / "parts/runs.csv") == figures(f / "whole/runs.csv"));
  CHECK(run_sweep(job, context_of(silent_observer())).complete_before);
  // Another sweep does not go on in its place.
  job.plan.seeds = {3};
  CHECK_THROWS_AS((void)run_sweep(job, context_of(silent_observer())), Error);
}

TEST_CASE("sweep: mistakes in its file are found before anything is trained") {
  const Folder f;
  write_data(f);
  for (const char* text :
       {R"({"variants": []})", R"({"net": "net.json"})", R"({"net": "net.json", "variants": [{}]})",
        R"({"variants": [{"name": "a"}]})",
        R"({"net": "net.json", "variants": [{"name": "a"}, {"name": "a"}]})",
        R"({"net": "net.json", "seeds": [], "variants": [{"name": "a"}]})",
        R"({"net": "net.json", "seeds": [1, 1], "variants": [{"name": "a"}]})",
        R"({"net": "net.json", "seeds": [-1], "variants": [{"name": "a"}]})",
        R"({"net": "net.json", "variants": [{"name": "a", "colour": 1}]})",
        R"({"net": "net.json", "variants": [{"name": "a", "recipe": {"epoch": 1}}]})",
        R"({"net": "net.json", "variants": [{"name": "a", "head": "round"}]})",
        R"({"net": "net.json", "variants": [{"name": "a", "change": {"conv1": 3}}]})",
        R"({"net": "net.json", "localize": {"data": ["p"]}, "variants": [{"name": "a"}]})"}) {
    CAPTURE(text);
    const Error error = error_of([&] { (void)sweep_plan(text, f / ".", {}); });
    CHECK(error.kind() == ErrorKind::kInput);
  }
  for (const char* variant :
       {R"({"name": "a", "net": "nobody"})", R"({"name": "a", "remove": ["conv9"]})",
        R"({"name": "a", "widen": {"pool1": 2}})", R"({"name": "a", "remove": ["fc"]})"}) {
    CAPTURE(variant);
    SweepJob job = job_of(f, "none");
    job.plan = sweep_plan(std::string(R"({"net": "net.json", "variants": [)") + variant + "]}",
                          f / ".", {});
    const Error error = error_of([&] { (void)run_sweep(job, context_of(silent_observer())); });
    CHECK(contains(error.what(), "variant 'a'"));
    CHECK_FALSE(fs::exists(f / "none"));
  }
  CHECK(run({"train", "--sweep", f / "sweep.json", "--out", f / "none"}) == 2);
  CHECK(run({"train", "lenet", "--sweep", f / "sweep.json", "--data", f / "p", "--out",
             f / "none"}) == 2);
  CHECK(run({"train", "--data", f / "p", "--out", f / "none"}) == 2);
  CHECK_FALSE(fs::exists(f / "none"));
}
