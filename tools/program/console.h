#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/observer.h"

namespace cutaway::tools {

/// Standard error as an observer: messages as lines, progress as a bar that redraws itself on a
/// terminal and as a plain line every ten seconds elsewhere, cancelled by SIGINT and SIGTERM.
class Console final : public Observer {
 public:
  Console();
  ~Console() override;
  Console(const Console&) = delete;
  Console(Console&&) = delete;
  Console& operator=(const Console&) = delete;
  Console& operator=(Console&&) = delete;

  /// quiet: no progress, no messages but warnings. debug: messages for whoever looks into the
  /// machine too.
  void set(bool quiet, bool debug);

  void info(std::string_view message) override;
  void warn(std::string_view message) override;
  void debug(std::string_view message) override;
  void progress(std::string_view task, double done, double total) override;
  void note(std::string_view task, std::string_view text) override;
  [[nodiscard]] bool cancelled() const noexcept override;

  /// From now on SIGINT and SIGTERM cancel; a second one ends the process at once. SIGPIPE is
  /// ignored.
  static void listen_for_signals();
  /// Cancels as a signal does.
  static void stop_run();

 private:
  using Clock = std::chrono::steady_clock;
  struct Task {
    std::string name, note;
    double first{0}, done{0}, total{0};  // first: done when the task began (a resumed run)
    Clock::time_point start, last;
    bool spoke{false};
  };

  Task& task_of(std::string_view name, double done);
  void say(const char* before, std::string_view message);
  void draw(Clock::time_point now);
  void clear_line();
  [[nodiscard]] static std::string line_of(const Task& task, Clock::time_point now, bool bar);

  bool quiet_{false}, debug_{false}, terminal_, drawn_{false};
  std::vector<Task> tasks_;  // outermost first
  Clock::time_point last_draw_;
};

}  // namespace cutaway::tools
