// Remove and retrain: which pixels go, what the figures are, and that a stopped run goes on.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "explain/training/data/open_data.h"
#include "explain/training/roar/removal.h"
#include "explain/training/roar/roar_run.h"
#include "runtime/error.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain::test;
using namespace cutaway::training;

namespace {

constexpr const char* kRoarNet = R"({"input": {"channels": 3, "height": 16, "width": 16}, "nodes": [
  {"type": "conv", "name": "conv1", "channels": 6, "kernel": 3, "pad": 1},
  {"type": "relu", "name": "relu1"},
  {"type": "max_pool", "name": "pool1", "kernel": 2, "stride": 2},
  {"type": "flatten", "name": "flat"},
  {"type": "dense", "name": "fc", "features": "classes"}]})";

/// A bright block on the left is one class, on the right the other; all else is noise.
void write_sides(const Folder& f) {
  std::uint32_t state = 7;
  for (int i = 0; i < 64; ++i) {
    const bool left = i % 2 == 0;
    explain::Image image = explain::make_image(16, 16, {0, 0, 0});
    for (std::uint8_t& v : image.rgb) {
      state = state * 1664525U + 1013904223U;
      v = static_cast<std::uint8_t>(100 + (state >> 27U));
    }
    for (int y = 6; y < 10; ++y) {
      for (int x = 2; x < 6; ++x) {
        std::uint8_t* p = &image.rgb[static_cast<std::size_t>((y * 16 + (left ? x : 15 - x)) * 3)];
        p[0] = p[1] = p[2] = 250;
      }
    }
    const std::string folder = left ? "p/left" : "p/right";
    fs::create_directories(f / folder);
    write_image(f / (folder + "/" + std::to_string(i) + ".png"), image);
  }
  put(f / "net.json", kRoarNet);
}

RoarJob sides_job(const Folder& f, const std::string& out) {
  RoarJob job;
  job.net.net = f / "net.json";
  job.recipe.epochs = 6;
  job.recipe.batch = 8;
  job.recipe.validation = 0.25;
  job.recipe.schedule.rate = 0.05F;
  job.set = open_data(f / "p", silent_observer());
  job.data = f / "p";
  job.out = f / out;
  job.methods = explain::methods_named({"gradient_x_input"});
  job.levels = {0.1, 0.5};
  return job;
}

explain::RunContext one_thread(Observer& observer) {
  explain::RunContext c({}, observer);
  c.settings.threads = 1;
  return c;
}

class StopAfterTrainings final : public Observer {
 public:
  explicit StopAfterTrainings(double trainings) : left_(trainings) {}
  void progress(std::string_view task, double done, double /*total*/) override {
    if (task == "trainings" && done >= left_) stop_ = true;
  }
  [[nodiscard]] bool cancelled() const noexcept override { return stop_; }

 private:
  double left_;
  std::atomic<bool> stop_{false};
};

std::int64_t count(const std::vector<std::uint8_t>& gone) {
  return std::ranges::count(gone, std::uint8_t{1});
}

}  // namespace

TEST_CASE("roar: the most important pixels go first, as many as the level says") {
  RemovalOrder order({0.25, 0.5, 0.9}, 2, 5);
  const std::vector<float> importance{0.1F, 0.9F, 0.3F, 0.8F, 0.2F, 0.7F, 0.0F, -1.0F, 0.6F, 0.5F};
  order.add(importance, false, 1);
  order.add(importance, true, 1);
  CHECK(count(order.gone(0, 0)) == 3);  // 2.5 rounds up
  CHECK(count(order.gone(0, 1)) == 5);
  CHECK(count(order.gone(0, 2)) == 9);
  CHECK(order.gone(0, 0) == std::vector<std::uint8_t>{0, 1, 0, 1, 0, 1, 0, 0, 0, 0});
  CHECK(order.gone(0, 1) == std::vector<std::uint8_t>{0, 1, 0, 1, 0, 1, 0, 0, 1, 1});
  // With keep the least important go first.
  CHECK(order.gone(1, 0) == std::vector<std::uint8_t>{1, 0, 0, 0, 0, 0, 1, 1, 0, 0});
}

TEST_CASE("roar: equal values go in a random order, NaN last; bad levels are refused") {
  RemovalOrder order({0.5}, 8, 8);
  const std::vector<float> flat(64, 0.0F);
  order.add(flat, false, 1);
  order.add(flat, false, 2);
  order.add(flat, false, 1);
  CHECK(count(order.gone(0, 0)) == 32);
  CHECK(order.gone(0, 0) != order.gone(1, 0));
  CHECK(order.gone(0, 0) == order.gone(2, 0));
  const auto first = order.gone(0, 0);
  const auto above = std::count(first.begin(), first.begin() + 32, std::uint8_t{1});
  CHECK(above > 6);  // not the upper rows alone
  CHECK(above < 26);
  std::vector<float> broken(64, -5.0F);
  std::fill(broken.begin(), broken.begin() + 32, std::numeric_limits<float>::quiet_NaN());
  order.add(broken, false, 3);
  const auto gone = order.gone(3, 0);
  CHECK(std::count(gone.begin(), gone.begin() + 32, std::uint8_t{1}) == 0);
  CHECK_THROWS_AS(order.add(std::vector<float>(63), false, 1), Error);
  for (const std::vector<double>& levels :
       {std::vector<double>{}, {0.0}, {1.0}, {0.5, 0.5}, {0.5, 0.3}, {std::nan("")}}) {
    CHECK_THROWS_AS(RemovalOrder(levels, 8, 8), Error);
  }
}

TEST_CASE("roar: areas by trapezia; differences from random removal paired by seed") {
  std::vector<RoarRun> runs;
  const auto add = [&](const char* method, std::uint64_t seed, double low, double high) {
    runs.push_back({method, 0.1, seed, low, 0});
    runs.push_back({method, 0.5, seed, high, 0});
  };
  add("a", 1, 0.8, 0.4);
  add("a", 2, 0.9, 0.5);
  add("random", 1, 0.9, 0.7);
  add("random", 2, 1.0, 0.9);
  const auto rows = roar_rows(runs, {0.1, 0.5}, {1, 2});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].area.value == doctest::Approx(0.65));
  CHECK(rows[0].accuracy[1].value == doctest::Approx(0.45));
  CHECK(rows[0].against_random.value == doctest::Approx(-0.225));
  // Two differences, -0.2 and -0.25: Student's with one degree of freedom.
  CHECK(rows[0].against_random.high - rows[0].against_random.value ==
        doctest::Approx(12.7062 * 0.025).epsilon(1e-4));
  CHECK(rows[1].against_random.value == 0.0);
}

TEST_CASE("roar: what tells the classes apart is found, random removal leaves it; resumed alike") {
  const Folder f;
  write_sides(f);
  const RoarSummary whole = run_roar(sides_job(f, "whole"), one_thread(silent_observer()));
  REQUIRE(whole.rows.size() == 3);
  CHECK(whole.intact.value > 0.9);
  const RoarRow &method = whole.rows[0], &random = whole.rows[1];
  CHECK(method.method == "gradient_x_input");
  CHECK(random.method == "random");
  // 16 of 256 pixels tell the class: half of the pixels at random leave enough of them.
  CHECK(random.accuracy[1].value > 0.9);
  CHECK(whole.runs.size() == 7);
  for (const char* file : {"roar.csv", "areas.csv", "report.html", "manifest.json",
                           "gradient_x_input/level-50/seed-1/net.h5"}) {
    CAPTURE(file);
    CHECK(fs::exists(f / (std::string("whole/") + file)));
  }
  RoarJob part = sides_job(f, "parts");
  StopAfterTrainings stop(3);
  CHECK_THROWS_AS((void)run_roar(part, one_thread(stop)), Cancelled);
  part.resume = true;
  (void)run_roar(part, one_thread(silent_observer()));
  for (const char* file : {"roar.csv", "areas.csv"}) {
    CAPTURE(file);
    CHECK(bytes_of(f / (std::string("parts/") + file)) ==
          bytes_of(f / (std::string("whole/") + file)));
  }
}

TEST_CASE("roar: removing the object itself leaves nothing to learn") {
  const Folder f;
  write_sides(f);
  const RoarJob job = sides_job(f, "none");
  auto order = std::make_shared<RemovalOrder>(std::vector<double>{0.15}, 16, 16);
  for (std::size_t i = 0; i < job.set.pictures.size(); ++i) {
    const explain::Image seen = job.set.read(static_cast<std::int64_t>(i));
    std::vector<float> bright(256);
    // Both places: what is left of neither class differs from the other.
    for (std::size_t p = 0; p < 256; ++p) {
      const std::size_t y = p / 16, x = p % 16, fold = std::min(x, 15 - x);
      bright[p] = y >= 6 && y < 10 && fold >= 2 && fold < 6 ? 1.0F : 0.0F;
    }
    order->add(bright, false, i);
    CHECK(seen.width == 16);
  }
  weights::Preprocess rule;
  const LabelledSet removed = with_removed(job.set, rule, order, 0, {128.4, 127.6, 10});
  REQUIRE(removed.pictures.size() == job.set.pictures.size());
  const explain::Image image = removed.read(5), before = job.set.read(5);
  const auto at = static_cast<std::size_t>(7 * 16 + 3) * 3;
  CHECK(image.rgb[at] == 128);
  CHECK(image.rgb[at + 1] == 128);
  CHECK(image.rgb[at + 2] == 10);
  const auto other = static_cast<std::size_t>(7 * 16 + 12) * 3;
  CHECK(image.rgb[other] == 128);
  std::int64_t changed = 0;
  for (std::size_t p = 0; p < 256; ++p)
    changed += image.rgb[3 * p + 2] == 10 && before.rgb[3 * p + 2] != 10 ? 1 : 0;
  CHECK(changed == 38);  // 0.15 of 256
}
