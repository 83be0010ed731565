// Long runs: what they say while they run, how they are stopped, and two of them in one process.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <hdf5.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <thread>

#include "explain/runs/estimate.h"
#include "explain/runs/explain_run.h"
#include "explain/runs/load_network.h"
#include "explain/runs/picture_loop.h"
#include "layers/flatten.h"
#include "runtime/error.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;
using Clock = std::chrono::steady_clock;

namespace {

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Remembers what it hears; cancels when told.
class Ear final : public Observer {
 public:
  void info(std::string_view message) override {
    const std::lock_guard lock(mutex_);
    infos.emplace_back(message);
  }
  void progress(std::string_view task, double done, double) override {
    const std::lock_guard lock(mutex_);
    if (task == "explain" || task == "loop") first_done = std::min(first_done, done);
    if (task != "explain" && task != "loop") ++inner;
    if (cancel_at_inner > 0 && inner >= cancel_at_inner) stop = true;
  }
  [[nodiscard]] bool cancelled() const noexcept override { return stop; }

  std::vector<std::string> infos;
  double first_done{1e9};
  int inner{0}, cancel_at_inner{0};
  std::atomic<bool> stop{false};

 private:
  std::mutex mutex_;
};

/// A run of the program in a child whose standard error can be read.
struct Child {
  pid_t pid{-1};
  int err{-1};

  explicit Child(const std::vector<std::string>& words) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::vector<const char*> argv{CUTAWAY_BINARY};
    for (const std::string& word : words) argv.push_back(word.c_str());
    argv.push_back(nullptr);
    pid = fork();
    if (pid == 0) {
      // Another program: OpenMP's threads do not live on in a child of this one.
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      execv(CUTAWAY_BINARY, const_cast<char* const*>(argv.data()));
      _exit(127);
    }
    close(ends[1]);
    err = ends[0];
    fcntl(err, F_SETFL, O_NONBLOCK);
  }
  ~Child() { close(err); }

  /// Reads until `word` came or the time is over.
  bool hears(const std::string& word, double seconds) {
    const auto start = Clock::now();
    while (!contains(text, word) && seconds_since(start) < seconds) {
      char buffer[4096];
      const ssize_t n = read(err, buffer, sizeof buffer);
      if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
      if (n <= 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return contains(text, word);
  }
  int wait() const {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string text;
};

std::vector<std::string> endless(const Folder& f, const std::string& out) {
  return {"explain",  f / "net.h5",         f / "p", "--method", "rise",
          "--option", "rise.masks=1000000", "--out", f / out,    "--batch",
          "1",        "--threads",          "1"};
}

class Slow final : public PictureTask {
 public:
  explicit Slow(double seconds) : seconds_(seconds) {}
  std::vector<Record> work(std::int64_t first, std::vector<ImageEntry>& batch) override {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds_));
    std::vector<Record> lines;
    for (const ImageEntry& entry : batch)
      lines.push_back({{"image", first++}, {"name", entry.name}});
    return lines;
  }

 private:
  double seconds_;
};

/// `count` names.
class Names final : public ImageSource {
 public:
  explicit Names(std::int64_t count) : count_(count) {}
  bool next(ImageEntry& entry, bool) override {
    if (at_ == count_) return false;
    entry = {};
    entry.name = std::to_string(at_++);
    return true;
  }
  [[nodiscard]] std::optional<std::int64_t> count() const override { return count_; }

 private:
  std::int64_t count_, at_{0};
};

}  // namespace

TEST_CASE("a long run says once about how long it takes, measured on its first batch") {
  const Folder f;
  Ear ear;
  const RunContext context({}, ear);
  Names names(100000);
  Slow task(0.02);
  RunFolder folder(f / "out");
  folder.open(Existing::kRefuse, {});
  const Record what{{"verb", "loop"}};
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    ear.stop = true;
  });
  CHECK_THROWS_AS((void)run_pictures({.task = "loop", .batch = 4, .identity = what}, &folder, names,
                                     task, context),
                  Cancelled);
  stopper.join();
  std::size_t told = 0;
  for (const std::string& info : ear.infos) {
    if (!contains(info, "estimated time: about ")) continue;
    ++told;
    CHECK(contains(info, "for 99996 pictures, measured on the first 4"));
  }
  CHECK(told == 1);
  CHECK(contains(ear.infos.back(), "--resume"));

  // What was there counts as there, not as done in this run.
  Ear later;
  Slow quick(0);
  const std::int64_t before =
      static_cast<std::int64_t>(json_lines(f / "out/index.jsonl").size()) - 1;
  REQUIRE(before >= 4);
  Names rest(before + 8);
  folder.open(Existing::kResume, {});
  const LoopOutcome done =
      run_pictures({.task = "loop", .batch = 4, .resume = true, .identity = what}, &folder, rest,
                   quick, RunContext({}, later));
  CHECK(done.resumed == before);
  CHECK(done.pictures == before + 8);
  CHECK(later.first_done == static_cast<double>(before));
  for (const std::string& info : later.infos) CHECK_FALSE(contains(info, "estimated"));
}

TEST_CASE("durations for people") {
  CHECK(duration_text(42) == "42 s");
  CHECK(duration_text(600) == "10 min");
  CHECK(duration_text(9000) == "2.5 h");
}

TEST_CASE("inside one picture: progress within a second, Ctrl-C ends within one, twice at once") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 1);
  {
    Child child(endless(f, "once"));
    const auto start = Clock::now();
    REQUIRE(child.hears("rise", 20));  // a line of progress, within the picture
    INFO(child.text);
    CHECK(contains(child.text, "estimated time: about "));
    CHECK(seconds_since(start) < 5);  // a second of the run, and what a loaded machine adds
    kill(child.pid, SIGINT);
    const auto stopped = Clock::now();
    CHECK(child.wait() == 130);
    CHECK(seconds_since(stopped) < 2);
    CHECK(child.hears("--resume", 1));
  }
  {
    Child child(endless(f, "twice"));
    REQUIRE(child.hears("rise", 20));
    kill(child.pid, SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // two at once would be one
    kill(child.pid, SIGINT);
    const auto stopped = Clock::now();
    CHECK(child.wait() == 130);
    CHECK(seconds_since(stopped) < 1);
  }
  CHECK_FALSE(fs::exists(f / "once/manifest.json"));
}

TEST_CASE("-q silences progress and notes, never warnings and errors") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 2);
  put(f / "p/0.png", "no picture");
  Child child({"explain", f / "net.h5", f / "p", "--method", "cam", "--out", f / "out", "-q"});
  CHECK(child.wait() == 5);
  child.hears("nothing more", 0.2);
  CHECK(contains(child.text, "warning: "));
  CHECK(contains(child.text, "0.png"));
  CHECK(child.text.find("0.png") == child.text.rfind("0.png"));  // a file's name stands once
  CHECK_FALSE(contains(child.text, "target: top1"));
}

TEST_CASE("two runs on two threads: cancelling one leaves the other's bytes as they are") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 12);
  ExplainJob job;
  job.model_path = f / "net.h5";
  job.inputs = {f / "p"};
  job.methods = methods_named({"gradcam", "smoothgrad", "saliency", "lrp"});
  job.targets = {"top1"};
  job.batch = 2;
  job.report = false;  // it tells how long the run took
  RunSettings settings;
  settings.threads = 1;
  const weights::Package net = load_network(job.model_path);
  job.out = f / "alone";
  (void)run_explain(job, net, RunContext(settings));

  ExplainJob kept = job, dropped = job;
  kept.out = f / "kept";
  dropped.out = f / "dropped";
  Ear calm, impatient;
  impatient.cancel_at_inner = 3;
  bool cancelled = false;
  std::thread other([&] {
    const weights::Package own = load_network(dropped.model_path);
    try {
      (void)run_explain(dropped, own, RunContext(settings, impatient));
    } catch (const Cancelled&) {
      cancelled = true;
    }
  });
  const ExplainSummary summary = run_explain(kept, net, RunContext(settings, calm));
  other.join();
  CHECK(cancelled);
  CHECK_FALSE(fs::exists(f / "dropped/manifest.json"));
  CHECK(summary.maps == 12 * 4);
  const auto expected = contents(f / "alone");
  CHECK(expected.size() > 12 * 4);
  CHECK(contents(f / "kept") == expected);
  // And the cancelled one goes on to the same.
  dropped.resume = true;
  (void)run_explain(dropped, net, RunContext(settings));
  CHECK(contents(f / "dropped") == expected);
}

TEST_CASE("a library's run is the program's, for every method") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 1);
  for (const char* crops : {"one", "ten"}) {
    CAPTURE(crops);
    // Ten crops of what takes thousands of passes would show nothing more.
    const bool all = crops == std::string("one");
    const std::string by_program = f / ("program-" + std::string(crops));
    const int code =
        run({"explain", f / "net.h5", f / "p", "--method",
             all ? "all" : "gradient-family,lrp,cam,gradcam++", "--option",
             "saliency.per=grey_level", "--crops", crops, "--out", by_program, "--no-report"});
    ExplainJob job;
    job.model_path = f / "net.h5";
    job.out = f / ("library-" + std::string(crops));
    job.inputs = {f / "p"};
    job.methods = all ? methods_named({"all"})
                      : methods_named({"gradient-family", "lrp", "cam", "gradcam++"});
    add_method_option(job.options, "saliency.per=grey_level");
    job.targets = {"top1"};
    job.crops.crops = crops;
    job.report = false;
    RunSettings settings;
    settings.threads = 1;
    const ExplainSummary done =
        run_explain(job, load_network(job.model_path), RunContext(settings));
    CHECK((code == 0) == done.clean());
    CHECK(done.maps >= 10);
    CHECK(contents(job.out) == contents(by_program));
  }
}

TEST_CASE("a method that a net cannot serve does not end a run of many") {
  const Folder f;
  // Without global pooling there is no CAM.
  Graph g({1, 3, 16, 16});
  g.add("conv1", std::make_shared<Conv>(4, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu1", std::make_shared<Relu>());
  g.add("flatten", std::make_shared<Flatten>());
  g.add("fc", std::make_shared<Dense>(3));
  Model model(std::move(g));
  model.parameters = Parameters::initialized(model.graph, 3);
  weights::Preprocess rule;
  rule.resize = weights::ResizeRule::kWarp;
  rule.width = rule.height = 16;
  weights::save({std::move(model), rule, {"a", "b", "c"}, {}}, f / "net.h5");
  make_pictures(f, 1);
  CHECK(run({"explain", f / "net.h5", f / "p", "--method", "cam", "--out", f / "none"}) == 3);
  CHECK_FALSE(fs::exists(f / "none"));
  CHECK(run({"explain", f / "net.h5", f / "p", "--method", "cam,saliency", "--out", f / "some"}) ==
        5);
  const auto manifest = json_file(f / "some/manifest.json");
  CHECK(manifest["methods"].size() == 1);
  CHECK(manifest["methods"][0]["name"] == "saliency");
  CHECK(contains(manifest["extra"]["refused"][0].get<std::string>(), "cam"));
}

TEST_CASE("a map that a method refuses is listed, and the exit code says so") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 1);
  // The authors' merge of crops takes absolute values, which a reconstruction's colours do not bear.
  CHECK(run({"explain", f / "net.h5", f / "p", "--method", "saliency,guided", "--crops", "ten",
             "--crop-merge", "authors", "--out", f / "out"}) == 5);
  std::size_t refused = 0;
  for (const auto& line : json_lines(f / "out/index.jsonl")) {
    if (!line.contains("maps")) continue;
    for (const auto& map : line["maps"]) {
      if (!map.contains("refused")) continue;
      ++refused;
      CHECK(map["method"] == "guided");
      CHECK_FALSE(map["missing"].get<std::string>().empty());
    }
  }
  CHECK(refused == 1);
  CHECK(json_file(f / "out/manifest.json")["extra"]["refused_maps"] == 1);
}

TEST_CASE("help, versions and unknown options") {
  const Folder f;
  for (std::vector<std::string> words : std::vector<std::vector<std::string>>{
           {"help"}, {"help", "explain"}, {"explain", "--version"}, {"graph", "learn", "--help"}}) {
    CAPTURE(words[0]);
    Child child(words);
    CHECK(child.wait() == 0);
  }
  const auto says = [&](const std::vector<std::string>& words, const std::string& what) {
    Child child(words);
    CHECK(child.wait() == 2);
    child.hears(what, 0.5);
    CHECK_MESSAGE(contains(child.text, what), child.text);
  };
  says({}, "explain");
  says({"explain", "net.h5", "--methods", "cam"}, "unknown option --methods");
  says({"explain", "net.h5", "--methods", "cam"}, "--method");
  says({"explain", "net.h5", "--units=3"}, "unknown option --units");
  make_tiny_model(f / "net.h5");
  make_pictures(f, 1);
  says({"explain", f / "net.h5", f / "p", "--method", "gradcam", "--out", f / "o", "--option",
        "gradcam.foo=1"},
       "gradcam.foo");
  // A method's options are told with their types, ranges and defaults.
  says({"explain", f / "net.h5", f / "p", "--method", "rise", "--out", f / "o", "--option",
        "rise.masks=0"},
       "masks");
}

TEST_CASE("classify reads HDF5 as its siblings do") {
  const Folder f;
  make_tiny_model(f / "net.h5");
  make_pictures(f, 1);
  const hid_t file = H5Fcreate((f / "p.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t extents[] = {2, 36, 40, 3};
  const hid_t space = H5Screate_simple(4, extents, nullptr);
  const hid_t set =
      H5Dcreate2(file, "/images", H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  std::vector<std::uint8_t> pixels = speckled(0).rgb;
  const std::vector<std::uint8_t> second = speckled(1).rgb;
  pixels.insert(pixels.end(), second.begin(), second.end());
  REQUIRE(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels.data()) >= 0);
  H5Dclose(set);
  H5Sclose(space);
  H5Fclose(file);
  CHECK(run({"classify", f / "net.h5", f / "p.h5", "--outputs", f / "scores.h5"}) == 0);
  CHECK(fs::exists(f / "scores.h5"));
  CHECK(run({"classify", f / "net.h5", f / "list.csv"}) == 0);
  CHECK(run({"classify", f / "net.h5", f / "net.h5"}) == 3);  // HDF5, but no pictures in it
}
