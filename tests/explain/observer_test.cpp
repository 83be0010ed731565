// Progress and cancellation inside a picture.

#include "runtime/observer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "explain/session.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/relu.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

constexpr Shape kShape{2, 3, 24, 20};

Model net() {
  Graph g({1, kShape.c, kShape.h, kShape.w});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  g.add("conv1", std::make_shared<Conv>(20, three));
  g.add("relu1", std::make_shared<Relu>());
  g.add("conv2", std::make_shared<Conv>(18, three));
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(4));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 3);
  return m;
}

/// Writes down what it hears; cancels `most` reports after stop_after(most).
class Recorder final : public Observer {
 public:
  void stop_after(std::int64_t most) {
    most_ = most;
    heard_ = 0;
  }
  [[nodiscard]] std::int64_t heard() const { return heard_; }

  void progress(std::string_view task, double done, double total) override {
    CHECK(std::this_thread::get_id() == thread_);
    CHECK(done >= 0.0);
    CHECK(done <= total);
    Task& t = tasks[std::string(task)];
    ++t.reports;
    if (done < t.last) ++t.restarts;
    t.last = done;
    t.total = total;
    ++heard_;
    if (most_ > 0 && heard_ >= most_) stop_ = true;
  }
  [[nodiscard]] bool cancelled() const noexcept override { return stop_; }

  struct Task {
    std::int64_t reports{0}, restarts{0};
    double last{0}, total{0};
  };
  std::map<std::string, Task> tasks;

 private:
  std::int64_t most_{0}, heard_{0};
  std::atomic<bool> stop_{false};
  std::thread::id thread_{std::this_thread::get_id()};
};

/// Methods that run the net many times, and how many steps an image takes.
struct Long {
  const char* method;
  Attributes options;
  double steps;
};
const std::vector<Long>& long_methods() {
  static const std::vector<Long> all{
      {"smoothgrad", {{"samples", std::int64_t{40}}}, 40},
      {"vargrad", {{"samples", std::int64_t{40}}}, 40},
      {"integrated_gradients", {{"steps", std::int64_t{40}}}, 40},
      {"rise", {{"masks", std::int64_t{40}}}, 40},
      {"lime", {{"samples", std::int64_t{40}}, {"segments", std::int64_t{5}}}, 40},
      {"scorecam", {}, 19},
      {"ablationcam", {}, 18},
      {"eigencam", {}, 18},
      {"occlusion", {{"window", std::int64_t{4}}, {"stride", std::int64_t{2}}}, 99},
      {"occlusion",
       {{"window", std::int64_t{4}}, {"stride", std::int64_t{2}}, {"passes", std::string("full")}},
       99},
  };
  return all;
}

Session session_of(const Model& m, const Long& what, Observer& observer, int threads) {
  Session::Options options;
  options.observer = &observer;
  std::vector<MethodPtr> one;
  one.push_back(make_method(what.method, what.options));
  return {m, std::move(one), kShape, CpuStream(threads), options};
}

}  // namespace

TEST_CASE("observer: methods report their steps within a picture, from the caller's thread") {
  const Model m = net();
  const Tensor x = random_tensor(kShape, 5);
  for (const Long& what : long_methods()) {
    for (const int threads : {1, 3}) {
      CAPTURE(what.method);
      CAPTURE(threads);
      Recorder heard;
      Session s = session_of(m, what, heard, threads);
      (void)s.forward(x.clone());
      (void)s.explain({2, 0});
      REQUIRE(heard.tasks.contains(what.method));
      const Recorder::Task& task = heard.tasks[what.method];
      CHECK(task.total == what.steps);
      if (std::string(what.method) != "eigencam") CHECK(task.last == task.total);
      CHECK(task.restarts >= 1);  // the second picture
      CHECK(task.reports >= 4);   // at least the first and the last of each picture
    }
  }
}

TEST_CASE("observer: a run that is watched has the bytes of one that is not") {
  const Model m = net();
  const Tensor x = random_tensor(kShape, 5);
  for (const Long& what : long_methods()) {
    CAPTURE(what.method);
    Recorder heard;
    Session watched = session_of(m, what, heard, 2),
            alone = session_of(m, what, silent_observer(), 2);
    (void)watched.forward(x.clone());
    (void)alone.forward(x.clone());
    CHECK(std::ranges::equal(watched.explain({2, 0}).at(0).map.f32(),
                             alone.explain({2, 0}).at(0).map.f32()));
  }
}

TEST_CASE("observer: cancelling stops a method at its next step, and the session still works") {
  const Model m = net();
  const Tensor x = random_tensor(kShape, 5);
  for (const Long& what : long_methods()) {
    for (const int threads : {1, 3}) {
      CAPTURE(what.method);
      CAPTURE(threads);
      Recorder stopping;
      Session s = session_of(m, what, stopping, threads);
      (void)s.forward(x.clone());
      stopping.stop_after(2);
      CHECK_THROWS_AS((void)s.explain({2, 0}), Cancelled);
      CHECK(stopping.heard() <= 3);  // what was under way may still be reported
    }
  }
}

namespace {

/// Cancels on demand and may be asked to go on again between two runs.
class Switch final : public Observer {
 public:
  std::atomic<bool> on{false};
  [[nodiscard]] bool cancelled() const noexcept override { return on; }
};

}  // namespace

TEST_CASE("observer: after a cancelled run the same session gives the same bytes") {
  const Model m = net();
  const Tensor x = random_tensor(kShape, 5);
  for (const Long& what : long_methods()) {
    CAPTURE(what.method);
    Switch stop;
    Session s = session_of(m, what, stop, 2);
    (void)s.forward(x.clone());
    const Explanation before = std::move(s.explain({2, 0}).at(0));
    stop.on = true;
    CHECK_THROWS_AS((void)s.explain({2, 0}), Cancelled);
    CHECK_THROWS_AS((void)s.forward(x.clone()), Cancelled);
    stop.on = false;
    (void)s.forward(x.clone());
    CHECK(std::ranges::equal(s.explain({2, 0}).at(0).map.f32(), before.map.f32()));
  }
}

TEST_CASE("observer: two runs on two threads; cancelling one leaves the other's bytes alone") {
  const Model m = net();
  const Tensor x = random_tensor(kShape, 5);
  const Long what{"rise", {{"masks", std::int64_t{300}}}, 300};
  Session alone = session_of(m, what, silent_observer(), 1);
  (void)alone.forward(x.clone());
  const Explanation want = std::move(alone.explain({2, 0}).at(0));

  Switch stop;
  std::atomic<bool> cancelled{false};
  std::thread other([&] {
    Session s = session_of(m, what, stop, 1);
    try {
      while (true) {
        (void)s.forward(x.clone());
        (void)s.explain({1, 1});
      }
    } catch (const Cancelled&) {
      cancelled = true;
    }
  });
  Session mine = session_of(m, what, silent_observer(), 1);
  (void)mine.forward(x.clone());
  const Explanation got = std::move(mine.explain({2, 0}).at(0));
  stop.on = true;
  other.join();
  CHECK(cancelled);
  CHECK(std::ranges::equal(got.map.f32(), want.map.f32()));
}

TEST_CASE("session: the work it states grows with the samples it is asked for") {
  const Model m = net();
  const auto work = [&](const char* name, const Attributes& options) {
    std::vector<MethodPtr> one;
    one.push_back(make_method(name, options));
    return Session(m, std::move(one), kShape, CpuStream(1)).work();
  };
  CHECK(work("saliency", {}) == 3.0);  // forward, and a backward pass that counts as two
  CHECK(work("cam", {}) == 1.0);
  CHECK(work("smoothgrad", {{"samples", std::int64_t{10}}}) == 31.0);
  CHECK(work("integrated_gradients", {{"steps", std::int64_t{10}}}) == 32.0);
  CHECK(work("rise", {{"masks", std::int64_t{10}}}) == 11.0);
  CHECK(work("lime", {{"samples", std::int64_t{10}}}) == 11.0);
  CHECK(work("scorecam", {}) == 20.0);
  const double ablation = work("ablationcam", {});
  CHECK(ablation > 1.0);
  CHECK(ablation < 19.0);
  CHECK(work("occlusion", {{"window", std::int64_t{4}}, {"stride", std::int64_t{2}}}) == 100.0);
}
