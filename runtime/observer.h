#pragma once

#include <exception>
#include <string_view>

namespace cutaway {

/// What a long computation tells whoever started it, and the only thing it asks of them: whether to
/// go on. This class itself hears nothing and never cancels; derive from it to show progress, to
/// collect messages or to stop a run.
///
/// Threads: one call of the library sends info(), warn() and progress() from one thread at a time,
/// the thread that made the call unless its contract says otherwise. cancelled() may be asked from
/// any thread at any time, also while another member runs, so it must read an atomic or a
/// sig_atomic_t. An observer that serves two calls on two threads at once must lock its own state.
/// No member may throw: to stop, cancelled() answers true.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = default;
  Observer(Observer&&) = default;
  Observer& operator=(const Observer&) = default;
  Observer& operator=(Observer&&) = default;
  virtual ~Observer() = default;

  /// Something worth knowing, one line without a newline.
  virtual void info(std::string_view message);
  /// Something that makes a result doubtful or incomplete, one line without a newline.
  virtual void warn(std::string_view message);
  /// For whoever looks into the machine: plans, engines and why others declined. May hold newlines.
  virtual void debug(std::string_view message);
  /// `done` of `total` steps of `task` are finished ("rise", 512, 4000); `done` grows to `total`,
  /// not always by whole steps; total 0: unknown. Tasks nest: a run reports its pictures under its
  /// own name, and a method the steps within one picture under its name, which begin again with the
  /// next picture, so a display keeps one line for each. Sent after every step or part of one,
  /// possibly thousands of times a second: a display decides itself when to redraw. `task` is valid
  /// during the call only.
  virtual void progress(std::string_view task, double done, double total);
  /// Words to stand beside a task's numbers until the next ones come ("loss 0.123").
  virtual void note(std::string_view task, std::string_view text);
  /// Whether the computation should stop. Asked at least about every tenth of a second of work;
  /// once it has answered true, it must answer true until the call has ended.
  [[nodiscard]] virtual bool cancelled() const noexcept;
};

/// An observer that hears nothing and never cancels: the default of every parameter that takes one.
[[nodiscard]] Observer& silent_observer() noexcept;

/// Passes on whether to go on, and nothing else: for threads that may not report.
class CancelOnly final : public Observer {
 public:
  explicit CancelOnly(const Observer& of) : of_(&of) {}
  [[nodiscard]] bool cancelled() const noexcept override { return of_->cancelled(); }

 private:
  const Observer* of_;
};

/// Thrown where a computation notices that its observer has cancelled it. Not an Error: nothing has
/// failed, and a loop that notes the failure of one item and goes on must not swallow it.
class Cancelled : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "cancelled"; }
};

/// Throws Cancelled if `observer` has cancelled. Everything computed so far is lost unless the
/// contract of the interrupted function says otherwise; objects it was given stay usable.
void throw_if_cancelled(const Observer& observer);

}  // namespace cutaway
