// Trainings from end to end, in this process: what they write, how they end, and how they go on.

#include <doctest/doctest.h>

#include <cmath>

#include "explain/pictures/read_image.h"
#include "explain/runs/run_folder.h"
#include "explain/training/data/open_data.h"
#include "explain/training/run/prepare.h"
#include "explain/training/run/train_run.h"
#include "runtime/observer.h"
#include "tests/tools/run_support.h"
#include "tests/tools/training_support.h"
#include "weights/package.h"
#include "weights/recipe_json.h"

using namespace cutaway;
using namespace cutaway::training;
using namespace cutaway::explain::test;

namespace {

/// Cancels when the task has got so far.
class StopAt final : public Observer {
 public:
  StopAt(std::string task, double done) : task_(std::move(task)), at_(done) {}
  void progress(std::string_view task, double done, double) override {
    if (task == task_ && done >= at_) stop_ = true;
  }
  void warn(std::string_view message) override { warnings += std::string(message) + "\n"; }
  [[nodiscard]] bool cancelled() const noexcept override { return stop_; }

  std::string warnings;

 private:
  std::string task_;
  double at_;
  bool stop_{false};
};

Recipe bar_recipe() {
  Recipe r;
  r.epochs = 3;
  r.batch = 8;
  r.seed = 4;
  r.validation = 0.2;
  r.schedule.rate = 0.05f;
  r.optimizer.weight_decay = 1e-4f;
  r.average_decay = 0.9f;
  r.augmentation.flip = 0.5f;
  r.augmentation.shift = 2;
  r.augmentation.rotation = 4.0f;
  return r;
}

/// A job on bars in `folder`; `name` is the folder it writes to.
TrainJob bar_job(const Folder& folder, const std::string& name) {
  put(folder / "net.json", kBarNet);
  if (!fs::exists(folder / "p")) make_bars(folder / "p", 20);
  NetRequest net;
  net.net = folder / "net.json";
  TrainJob job =
      prepare_training(net, open_data(folder / "p"), bar_recipe(), explain::RunContext());
  job.out = folder / name;
  job.data = "bars";
  job.checkpoint_steps = 2;
  return job;
}

explain::RunContext context_of(int threads, Observer& observer = silent_observer()) {
  explain::RunSettings settings;
  settings.threads = threads;
  return explain::RunContext(settings, observer);
}

/// All that does not depend on the clock.
std::map<std::string, std::string> results(const std::string& folder) {
  std::map<std::string, std::string> all;
  for (const char* name : {"net.h5", "predictions.csv", "confusion.csv", "classes.csv",
                           "evaluation.json", "division.csv", "recipe.json"}) {
    all[name] = bytes_of(folder + "/" + name);
    CHECK(!all[name].empty());
  }
  std::string log;
  for (nlohmann::json line : json_lines(folder + "/log.jsonl")) {
    line.erase("images_per_second");
    log += line.dump() + "\n";
  }
  all["log.jsonl"] = log;
  return all;
}

}  // namespace

TEST_CASE("training run: a hand-written net learns bars, and says how it went") {
  const Folder folder;
  TrainJob job = bar_job(folder, "run");
  job.recipe.epochs = 14;
  job.explain_every = 5;
  const TrainSummary s = run_training(job, context_of(2));
  CHECK(s.epochs == 14);
  CHECK(s.trained_on == 48);
  CHECK(s.held_back == 12);
  CHECK(!s.on_test);
  CHECK(s.evaluation.accuracy >= 0.9);
  const weights::Package package = weights::load(s.model);
  CHECK(package.labels == bar_names());
  const auto manifest = json_file(folder / "run/manifest.json");
  CHECK(manifest["counts"]["inputs"] == 60);
  const std::string report = bytes_of(folder / "run/report.html");
  CHECK(report.find("http-equiv=\"refresh\"") == std::string::npos);
  CHECK(report.find("Confusion") != std::string::npos);
  const auto lines = json_lines(folder / "run/log.jsonl");
  CHECK(lines.size() == static_cast<std::size_t>(s.steps + s.epochs));
  for (const char* epoch : {"0005", "0010", "0014"}) {
    const std::string file = folder / (std::string("run/watch/epoch-") + epoch);
    const explain::Image sheet = explain::read_image(file + ".png");
    CHECK(sheet.width > 3 * 112);  // picture, Grad-CAM, saliency
    CHECK(sheet.height > 3 * 112);
    CHECK(weights::is_package(file + ".h5"));
  }
  CHECK(weights::weights_hash(weights::load(folder / "run/watch/epoch-0014.h5").model) ==
        weights::weights_hash(package.model));
  CHECK(fs::exists(folder / "run/watch/features/manifest.json"));
  CHECK(report.find("epoch 10") != std::string::npos);
  // The same figures by evaluation of the package.
  const Division d = divide(job.set, {std::nullopt, 0.2, 0, 4});
  const Evaluation again =
      evaluate(package.model, package.preprocess, job.set, d.validation, 5, context_of(1));
  CHECK(again.accuracy == s.evaluation.accuracy);
  CHECK(again.loss == doctest::Approx(s.evaluation.loss).epsilon(1e-5));
  CHECK(error_of([&] { (void)run_training(job, context_of(1)); }).kind() == ErrorKind::kUsage);
}

TEST_CASE(
    "training run: stopped anywhere and resumed, with any number of threads, the same bytes") {
  const Folder folder;
  (void)run_training(bar_job(folder, "whole"), context_of(1));
  const auto want = results(folder / "whole");
  (void)run_training(bar_job(folder, "threads"), context_of(3));
  CHECK(results(folder / "threads") == want);
  // In the middle of an epoch, at its last update, and while it is being measured.
  struct Stop {
    const char* task;
    double done;
  };
  for (const Stop stop :
       {Stop{"train", 3}, Stop{"train", 6}, Stop{"train", 11}, Stop{"evaluate", 8}}) {
    CAPTURE(stop.task);
    CAPTURE(stop.done);
    fs::remove_all(folder / "stopped");
    TrainJob job = bar_job(folder, "stopped");
    StopAt observer(stop.task, stop.done);
    CHECK_THROWS_AS((void)run_training(job, context_of(2, observer)), Cancelled);
    CHECK(!fs::exists(folder / "stopped/manifest.json"));
    CHECK(bytes_of(folder / "stopped/log.jsonl").size() > 10);
    CHECK(error_of([&] { (void)run_training(job, context_of(1)); }).kind() == ErrorKind::kUsage);
    job.resume = true;
    (void)run_training(job, context_of(1));
    CHECK(results(folder / "stopped") == want);
  }
}

TEST_CASE("training run: two at once in one folder") {
  const Folder folder;
  TrainJob job = bar_job(folder, "run");
  StopAt observer("train", 3);
  CHECK_THROWS_AS((void)run_training(job, context_of(1, observer)), Cancelled);
  const std::string log = bytes_of(folder / "run/log.jsonl");
  job.resume = true;
  {
    explain::RunFolder other(folder / "run");
    other.open(explain::Existing::kResume, {});
    const Error error = error_of([&] { (void)run_training(job, context_of(1)); });
    CHECK(error.kind() == ErrorKind::kUsage);
    CHECK(std::string(error.what()).find("another run") != std::string::npos);
    CHECK(bytes_of(folder / "run/log.jsonl") == log);
  }
  (void)run_training(job, context_of(1));
}

TEST_CASE("training run: killed before its first checkpoint, it begins") {
  const Folder folder;
  (void)run_training(bar_job(folder, "whole"), context_of(1));
  TrainJob job = bar_job(folder, "stopped");
  StopAt observer("train", 3);
  CHECK_THROWS_AS((void)run_training(job, context_of(1, observer)), Cancelled);
  fs::remove_all(folder / "stopped/checkpoints");
  job.resume = true;
  (void)run_training(job, context_of(1));
  CHECK(results(folder / "stopped") == results(folder / "whole"));
  // Nothing was ever begun: more likely another folder was meant.
  TrainJob none = bar_job(folder, "none");
  none.resume = true;
  CHECK(error_of([&] { (void)run_training(none, context_of(1)); }).kind() == ErrorKind::kUsage);
  CHECK(!fs::exists(folder / "none"));
}

TEST_CASE("training run: a damaged newest checkpoint, another training, a log that is cut") {
  const Folder folder;
  (void)run_training(bar_job(folder, "whole"), context_of(1));
  TrainJob job = bar_job(folder, "stopped");
  StopAt observer("train", 9);
  CHECK_THROWS_AS((void)run_training(job, context_of(1, observer)), Cancelled);
  std::vector<std::string> checkpoints;
  for (const auto& entry : fs::directory_iterator(folder / "stopped/checkpoints"))
    checkpoints.push_back(entry.path().string());
  REQUIRE(checkpoints.size() == 2);
  const std::string newest = std::max(checkpoints[0], checkpoints[1]);
  const std::string bytes = bytes_of(newest);
  put(newest, bytes.substr(0, bytes.size() / 2));
  job.resume = true;
  TrainJob other = bar_job(folder, "stopped");
  other.resume = true;
  other.recipe.batch = 6;
  const Error difference = error_of([&] { (void)run_training(other, context_of(1)); });
  CHECK(difference.kind() == ErrorKind::kUsage);
  CHECK(std::string(difference.what()).find("recipe") != std::string::npos);
  // Half a line, as a kill leaves it.
  std::ofstream(folder / "stopped/log.jsonl", std::ios::app) << "{\"step\": 10, \"lo";
  StopAt listener("nothing", 1);
  const TrainSummary s = run_training(job, context_of(1, listener));
  CHECK(!s.damaged.empty());
  CHECK(listener.warnings.find("damaged") != std::string::npos);
  CHECK(results(folder / "stopped") == results(folder / "whole"));
}

TEST_CASE("training run: a loss that is not finite keeps the last good checkpoint") {
  const Folder folder;
  TrainJob job = bar_job(folder, "run");
  job.recipe.schedule.rate = 1e25f;
  job.recipe.schedule.kind = ScheduleOptions::Kind::kConstant;
  job.recipe.optimizer.weight_decay = 0.0f;
  const Error error = error_of([&] { (void)run_training(job, context_of(1)); });
  CHECK(error.kind() == ErrorKind::kInternal);
  CHECK(std::string(error.what()).find("step") != std::string::npos);
  CHECK(fs::exists(folder / "run/checkpoints"));
  CHECK(!fs::exists(folder / "run/net.h5"));
}

TEST_CASE("training run: the program, from data with a broken picture to an evaluation") {
  const Folder folder;
  make_bars(folder / "p/train", 12);
  make_bars(folder / "p/test", 4, 100);
  put(folder / "net.json", kBarNet);
  const std::vector<std::string> train{
      "train", folder / "net.json", "--data", folder / "p", "--out", folder / "run", "--epochs",
      "6",     "--batch",           "8",      "--rate",     "0.05",  "--validation", "0.1"};
  CHECK(run(train) == 0);
  CHECK(run(train) == 2);  // the folder holds a training
  CHECK(run({"evaluate", folder / "run/net.h5", "--data", folder / "p", "--split", "test", "--out",
             folder / "e"}) == 0);
  CHECK(bytes_of(folder / "e/predictions.csv") == bytes_of(folder / "run/predictions.csv"));
  put(folder / "p/train/lying/broken.png", "no picture");
  std::vector<std::string> again = train;
  again.insert(again.end(), {"--overwrite", "--loss", "cross_entropy,pull_push:0.1", "--balanced",
                             "3x3", "--freeze", "conv1", "--recipe", "creatures"});
  CHECK(run(again) == 5);
  CHECK(bytes_of(folder / "run/unreadable.csv").find("broken.png") != std::string::npos);
  const auto recipe = json_file(folder / "run/recipe.json");
  CHECK(recipe["losses"].size() == 2);
  CHECK(recipe["balanced_classes"] == 3);
  CHECK(recipe["freeze"][0] == "conv1");
  CHECK(recipe["augmentation"]["shift"] == 8);
  // Fine-tuning: a new head for two of the classes.
  CHECK(run({"train", folder / "run/net.h5", "--data", folder / "p", "--out", folder / "fine",
             "--head", "gap", "--classes", "standing,both", "--per-class", "5", "--epochs", "1",
             "--batch", "4", "--freeze-norms"}) == 0);
  CHECK(weights::load(folder / "fine/net.h5").labels ==
        std::vector<std::string>{"standing", "both"});
  CHECK(run({"dataset", "pack", folder / "p", folder / "bars.h5", "--size", "16"}) == 5);
  CHECK(run({"train", "gap-small", "--data", "creatures:64", "--out", folder / "c", "--epochs", "1",
             "--batch", "32"}) == 0);
}

TEST_CASE("training on rendered creatures replaces no net unasked") {
  const Folder folder;
  const auto train = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"train",         folder / "net.h5",
                                   "--images",      "64",
                                   "--epochs",      "1",
                                   "--batch",       "16",
                                   "--held-out",    "10",
                                   "--checkpoints", "1,1",
                                   "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  put(folder / "net.h5", "somebody's file");
  CHECK(train({}) == 2);
  CHECK(bytes_of(folder / "net.h5") == "somebody's file");
  fs::remove(folder / "net.h5");
  put(folder / "net-epoch-0001.h5", "somebody's file");
  CHECK(train({}) == 2);
  CHECK(bytes_of(folder / "net-epoch-0001.h5") == "somebody's file");
  CHECK_FALSE(fs::exists(folder / "net.h5"));
  CHECK(train({"--overwrite"}) == 0);
  CHECK(bytes_of(folder / "net-epoch-0001.h5") != "somebody's file");
  CHECK(train({}) == 2);
}

TEST_CASE("training run: bad input is one error, and nothing is written") {
  const Folder folder;
  make_bars(folder / "p", 6);
  make_bars(folder / "one", 6);
  fs::remove_all(folder / "one/both");
  fs::remove_all(folder / "one/lying");
  fs::create_directories(folder / "empty");
  put(folder / "net.json", kBarNet);
  put(folder / "fixed.json", std::string(kBarNet).replace(1, 0, R"("preprocess": {"order": "RGB",
    "scale": 1, "mean": [0, 0, 0], "std": [1, 1, 1], "resize": "none", "crop": "none"}, )"));
  fs::create_directories(folder / "large/a");
  fs::create_directories(folder / "large/b");
  write_image(folder / "large/a/1.png", bars(0, 1, 20));
  write_image(folder / "large/b/1.png", bars(1, 1, 20));
  put(folder / "recipe.json", R"({"epoch": 3})");
  put(folder / "range.csv", "file,label\np/both/1000.png,0\np/lying/1000.png,70000000\n");
  put(folder / "split.csv", "file,label,split\np/both/1000.png,0,train\np/lying/1000.png,1,test\n");
  const std::string net = folder / "net.json", out = folder / "out";
  struct Case {
    std::vector<std::string> arguments;
    int code;
  };
  const std::vector<Case> cases{
      {{net, "--data", folder / "empty"}, 3},
      {{net, "--data", folder / "one"}, 3},
      {{net, "--data", folder / "range.csv"}, 3},
      {{net, "--data", folder / "split.csv"}, 3},
      {{net, "--data", folder / "p", "--batch", "1000"}, 3},
      {{net, "--data", folder / "p", "--validation", "test"}, 3},
      {{net, "--data", folder / "p", "--validation", "some"}, 2},
      {{net, "--data", folder / "p", "--recipe", folder / "recipe.json"}, 3},
      {{net, "--data", folder / "p", "--recipe", "nobody"}, 2},
      {{net, "--data", folder / "p", "--classes", "lying,nobody"}, 2},
      {{net, "--data", folder / "p", "--loss", "nothing"}, 2},
      {{net, "--data", folder / "p", "--batch", "4", "--freeze", "nothing*"}, 2},
      {{net, "--data", folder / "p", "--balanced", "3"}, 2},
      {{net, "--data", folder / "p", "--head", "round"}, 2},
      {{folder / "fixed.json", "--data", folder / "large"}, 3},
      {{folder / "no.json", "--data", folder / "p"}, 2},
      {{net, "--data", folder / "p", "--batch", "4", "--resume"}, 2},
  };
  for (const Case& c : cases) {
    std::vector<std::string> arguments{"train"};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    arguments.insert(arguments.end(), {"--out", out});
    std::string line;
    for (const std::string& word : arguments) line += word + " ";
    CAPTURE(line);
    CHECK(run(arguments) == c.code);
    CHECK(!fs::exists(out));
  }
  put(folder / "file", "");
  CHECK(run({"train", net, "--data", folder / "p", "--batch", "4", "--out",
             folder / "file/below"}) == 2);
}

TEST_CASE("evaluation: figures of known verdicts") {
  // Three classes: 0 right, 0 taken for 1, 1 right; none of class 2.
  const Evaluation e =
      summed_up({{0, 0, 0, 0.9, 0.1}, {1, 0, 1, 0.6, 1.5}, {2, 1, 1, 0.58, 0.5}}, 3);
  CHECK(e.accuracy == doctest::Approx(2.0 / 3));
  CHECK(e.mean_class_accuracy == doctest::Approx(0.75));
  CHECK(e.loss == doctest::Approx(0.7));
  CHECK(e.confused(0, 0) == 1);
  CHECK(e.confused(0, 1) == 1);
  CHECK(e.confused(1, 1) == 1);
  // Bins of 1/15: 0.9 ends in bin 13 (0.8667 to 0.9333), both others in bin 8 (0.5333 to 0.6).
  CHECK(e.bins[13].count == 1);
  CHECK(e.bins[8].count == 2);
  CHECK(e.bins[8].accuracy == doctest::Approx(0.5));
  CHECK(e.calibration_error == doctest::Approx((0.1 + std::fabs(1.0 - 1.18)) / 3));
}
