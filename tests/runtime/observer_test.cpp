#include "runtime/observer.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <vector>

#include "runtime/error.h"

namespace cutaway {
namespace {

class Stopping final : public Observer {
 public:
  explicit Stopping(double after) : after_(after) {}
  void progress(std::string_view task, double done, double total) override {
    lines.push_back(std::string(task) + " " + std::to_string(static_cast<int>(done)) + "/" +
                    std::to_string(static_cast<int>(total)));
    if (done >= after_) stop_ = true;
  }
  [[nodiscard]] bool cancelled() const noexcept override { return stop_; }

  std::vector<std::string> lines;

 private:
  double after_;
  std::atomic<bool> stop_{false};
};

void work(int steps, Observer& observer = silent_observer()) {
  for (int i = 0; i < steps; ++i) {
    throw_if_cancelled(observer);
    observer.progress("work", i + 1, steps);
  }
}

TEST_CASE("The silent observer hears nothing and never cancels") {
  silent_observer().info("unheard");
  silent_observer().warn("unheard");
  CHECK_FALSE(silent_observer().cancelled());
  CHECK_NOTHROW(work(3));
}

TEST_CASE("An observer that cancels stops the work at its next step") {
  Stopping observer(2);
  CHECK_THROWS_AS(work(5, observer), Cancelled);
  CHECK(observer.lines == std::vector<std::string>{"work 1/5", "work 2/5"});
}

TEST_CASE("Cancelling is no failure: a handler of errors lets it pass") {
  Stopping observer(1);
  bool as_error = false;
  const auto handled = [&] {
    try {
      work(5, observer);
    } catch (const Error&) {
      as_error = true;
    }
  };
  CHECK_THROWS_AS(handled(), Cancelled);
  CHECK_FALSE(as_error);
}

}  // namespace
}  // namespace cutaway
