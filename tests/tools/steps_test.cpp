// Runs that keep the results of their steps: what is known after a stop, and that going on leaves
// the bytes of a run that nothing stopped.

#include "explain/runs/steps.h"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>

#include "explain/compare/run/compare_run.h"
#include "explain/runs/load_network.h"
#include "explain/study/run/study.h"
#include "explain/units/run/evolution.h"
#include "explain/units/run/units_run.h"
#include "runtime/error.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;

namespace {

struct Point {
  float value{0};
  std::string name;
  std::vector<std::vector<double>> rows;
  friend bool operator==(const Point&, const Point&) = default;
};
auto members(Point& p) { return std::tie(p.value, p.name, p.rows); }

const Record kIdentity{{"verb", "test"}, {"seed", 1}};

/// An observer that has enough after it was asked a number of times.
class Impatient final : public Observer {
 public:
  explicit Impatient(std::int64_t patience) : patience_(patience) {}
  [[nodiscard]] bool cancelled() const noexcept override { return ++asked_ > patience_; }

 private:
  mutable std::atomic<std::int64_t> asked_{0};
  std::int64_t patience_;
};

/// Makes three steps in a folder, as far as they are not known; how many were computed.
int three_steps(const std::string& path, bool resume, const std::string& third = "c") {
  RunFolder folder(path);
  folder.open(existing(resume, false), {});
  Steps steps(folder, resume, kIdentity, silent_observer());
  int computed = 0;
  for (const std::string& name : {std::string("a"), std::string("b"), third}) {
    const auto p = steps.step<Point>(name, [&] {
      ++computed;
      return Point{1.5F, "point " + name, {{1.0, 2.0}, {}, {3.0}}};
    });
    CHECK(p == Point{1.5F, "point " + name, {{1.0, 2.0}, {}, {3.0}}});
  }
  return computed;
}

using Run = std::function<bool(const std::string& out, bool resume, Observer&)>;

std::map<std::string, std::string> without_journal(const std::string& folder) {
  auto all = contents(folder);
  all.erase("index.jsonl");
  return all;
}

/// Stops a run again and again, each time a little later, and goes on with it; the files must be
/// those of a run that nothing stopped, and steps that were kept must not be made again.
void check_resumed(const Folder& f, const Run& run) {
  REQUIRE_FALSE(run(f / "whole", false, silent_observer()));
  CHECK_FALSE(fs::exists(f / "whole/.steps"));
  int stops = 0;
  std::size_t lines = 0;
  for (std::int64_t patience = 1;; patience += 1 + stops / 4) {
    REQUIRE(stops < 400);
    Impatient observer(patience);
    try {
      (void)run(f / "parts", true, observer);
      break;
    } catch (const Cancelled&) {
      ++stops;
    }
    CHECK_FALSE(fs::exists(f / "parts/manifest.json"));
    if (!fs::exists(f / "parts/index.jsonl")) continue;
    const std::size_t now = json_lines(f / "parts/index.jsonl").size();
    CHECK(now >= lines);
    lines = now;
  }
  CHECK(stops >= 3);
  CHECK(lines >= 2);
  CHECK(without_journal(f / "parts") == without_journal(f / "whole"));
  CHECK(fs::exists(f / "parts/manifest.json"));
  // Complete: nothing is left to do. A folder that holds it is not begun anew unasked.
  CHECK(run(f / "parts", true, silent_observer()));
  CHECK_THROWS_AS(run(f / "parts", false, silent_observer()), Error);
}

struct Fixture {
  Folder f;
  std::string net{f / "net.h5"}, list;
  weights::Package package{tests::tiny_net()};

  explicit Fixture(int pictures) : list(make_pictures(f, pictures)) { make_tiny_model(net); }

  [[nodiscard]] static RunContext context(Observer& observer) {
    RunContext c({}, observer);
    c.settings.threads = 1;
    return c;
  }
};

}  // namespace

TEST_CASE("steps: what was kept is not computed again; what is damaged is") {
  const Folder f;
  CHECK(three_steps(f / "run", false) == 3);
  CHECK(three_steps(f / "run", true) == 0);
  // The last value is cut off, its line with it, or the value alone is changed.
  const std::string values = bytes_of(f / "run/.steps");
  put(f / "run/.steps", values.substr(0, values.size() - 1));
  CHECK(three_steps(f / "run", true) == 1);
  CHECK(bytes_of(f / "run/.steps") == values);
  const std::string journal = bytes_of(f / "run/index.jsonl");
  put(f / "run/index.jsonl", journal.substr(0, journal.size() - 3));
  CHECK(three_steps(f / "run", true) == 1);
  CHECK(bytes_of(f / "run/index.jsonl") == journal);
  CHECK(bytes_of(f / "run/.steps") == values);
  std::string changed = values;
  changed[values.size() / 2] ^= 1;  // in the second of three
  put(f / "run/.steps", changed);
  CHECK(three_steps(f / "run", true) == 2);
  CHECK(bytes_of(f / "run/.steps") == values);
  fs::remove(f / "run/.steps");
  CHECK(three_steps(f / "run", true) == 3);
  CHECK(bytes_of(f / "run/.steps") == values);
}

TEST_CASE("steps: another run, other data, a line without a size") {
  const Folder f;
  CHECK(three_steps(f / "run", false) == 3);
  const Error data = error_of([&] { (void)three_steps(f / "run", true, "d"); });
  CHECK(data.kind() == ErrorKind::kUsage);
  CHECK(contains(data.what(), "the inputs are not those"));
  const Error other = error_of([&] {
    RunFolder folder(f / "run");
    folder.open(Existing::kResume, {});
    const Steps steps(folder, true, {{"verb", "test"}, {"seed", 2}}, silent_observer());
  });
  CHECK(other.kind() == ErrorKind::kUsage);
  CHECK(contains(other.what(), "seed: 1 there, 2 here"));
  put(f / "run/index.jsonl", journal_line(Record{{"run", kIdentity}}) +
                                 journal_line(Record{{"step", "a"}, {"bytes", "many"}}));
  const Error line = error_of([&] { (void)three_steps(f / "run", true); });
  CHECK(line.kind() == ErrorKind::kInput);
  CHECK(contains(line.what(), "a line that no run wrote"));
}

TEST_CASE("steps: of states the last counts, and nothing is kept without a folder") {
  const Folder f;
  {
    RunFolder folder(f / "run");
    folder.open(Existing::kRefuse, {});
    Steps steps(folder, false, kIdentity, silent_observer());
    CHECK_FALSE(steps.last<int>("state").has_value());
    for (const int state : {1, 2, 3}) steps.keep("state", state);
    CHECK(steps.step<int>("next", [] { return 7; }) == 7);
  }
  RunFolder folder(f / "run");
  folder.open(Existing::kResume, {});
  Steps steps(folder, true, kIdentity, silent_observer());
  CHECK(steps.last<int>("state") == 3);
  CHECK(steps.step<int>("next", [] { return 8; }) == 7);
  CHECK_FALSE(steps.last<int>("state").has_value());
  Steps none;
  CHECK(none.step<int>("x", [] { return 1; }) == 1);
  CHECK_FALSE(none.last<int>("x").has_value());
}

TEST_CASE("steps: bytes that are not a value") {
  StepWriter writer;
  writer.put(std::vector<std::string>{"ab", "c"});
  const std::string& bytes = writer.bytes();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    std::vector<std::string> v;
    CHECK_THROWS_AS(StepReader(std::string_view(bytes).substr(0, n)).get(v), Error);
  }
  std::string huge = bytes;
  huge[7] = '\x7f';  // a count of 2^62 takes no memory
  std::vector<double> v;
  CHECK_THROWS_AS(StepReader(huge).get(v), Error);
}

TEST_CASE("a run that fails before its first step leaves no journal") {
  const Fixture x(3);
  UnitsJob job;
  job.model_path = x.net;
  job.out = x.f / "out";
  job.data = {x.list};
  job.layers = {"no such layer"};
  CHECK_THROWS_AS((void)run_units(job, x.package, Fixture::context(silent_observer())), Error);
  CHECK_FALSE(fs::exists(x.f / "out"));
}

TEST_CASE("units, stopped and resumed, are those of one run") {
  const Fixture x(40);
  check_resumed(x.f, [&](const std::string& out, bool resume, Observer& observer) {
    UnitsJob job;
    job.model_path = x.net;
    job.out = out;
    job.resume = resume;
    job.data = {x.list};
    job.layers = {"conv1", "conv2"};
    job.batch = 4;
    return run_units(job, x.package, Fixture::context(observer)).complete_before;
  });
}

TEST_CASE("checkpoints' evolution, stopped and resumed, is that of one run") {
  const Fixture x(12);
  make_tiny_model(x.f / "later.h5", 4);
  check_resumed(x.f, [&](const std::string& out, bool resume, Observer& observer) {
    UnitsJob job;
    job.out = out;
    job.resume = resume;
    job.data = {x.list};
    job.layers = {"conv1", "conv2"};
    job.batch = 4;
    return run_evolution(job, {x.net, x.f / "later.h5"}, Fixture::context(observer))
        .complete_before;
  });
}

TEST_CASE("a comparison, stopped and resumed, is that of one run") {
  const Fixture x(20);
  make_tiny_model(x.f / "other.h5", 4);
  check_resumed(x.f, [&](const std::string& out, bool resume, Observer& observer) {
    CompareJob job;
    job.model_path = x.net;
    job.out = out;
    job.resume = resume;
    job.inputs = {x.list};
    job.representations = {Representation::kGap, Representation::kFlat, Representation::kCamSoft};
    job.distances = {DistanceKind::kCosine, DistanceKind::kAligned};
    job.batch = 4;
    job.other = x.f / "other.h5";
    job.dump = out + ".dump.h5";
    return run_compare(job, x.package, Fixture::context(observer)).complete_before;
  });
  CHECK(bytes_of(x.f / "parts.dump.h5") == bytes_of(x.f / "whole.dump.h5"));
  // Nothing was stopped here: the file is somebody's.
  put(x.f / "mine.h5", "mine");
  CompareJob job;
  job.model_path = x.net;
  job.out = x.f / "new";
  job.resume = true;
  job.inputs = {x.list};
  job.dump = x.f / "mine.h5";
  CHECK_THROWS_AS((void)run_compare(job, x.package, Fixture::context(silent_observer())), Error);
  CHECK(bytes_of(x.f / "mine.h5") == "mine");
}

TEST_CASE("studies, stopped and resumed, are those of one run") {
  const Fixture x(6);
  SUBCASE("occlusion") {
    check_resumed(x.f, [&](const std::string& out, bool resume, Observer& observer) {
      OcclusionJob job;
      job.model_path = x.net;
      job.out = out;
      job.resume = resume;
      job.inputs = {x.list};
      job.data = {x.list};
      return run_occlusion_study(job, x.package, Fixture::context(observer)).complete_before;
    });
  }
  SUBCASE("invariance") {
    check_resumed(x.f, [&](const std::string& out, bool resume, Observer& observer) {
      InvarianceJob job;
      job.model_path = x.net;
      job.out = out;
      job.resume = resume;
      job.inputs = {x.list};
      return run_invariance_study(job, x.package, Fixture::context(observer)).complete_before;
    });
  }
  SUBCASE("correspondence") {
    put(x.f / "boxes.json", R"({"p/0.png": {"eye": [0, 0, 9, 8], "leg": [20, 18, 29, 35]},
      "p/1.png": {"eye": [10, 9, 19, 17], "leg": [30, 27, 39, 35]},
      "p/2.png": {"eye": [0, 0, 9, 8], "leg": [30, 27, 39, 35]}})");
    check_resumed(x.f, [&](const std::string& out, bool resume, Observer& observer) {
      CorrespondenceJob job;
      job.model_path = x.net;
      job.out = out;
      job.resume = resume;
      job.inputs = {x.f / "p/0.png", x.f / "p/1.png", x.f / "p/2.png"};
      job.boxes = x.f / "boxes.json";
      job.draws = 6;
      return run_correspondence_study(job, x.package, Fixture::context(observer)).complete_before;
    });
  }
}
