#include "tools/program/console.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "explain/runs/estimate.h"
#include "tools/program/context.h"
#include "tools/program/standard_streams.h"

namespace cutaway::tools {
namespace {

using namespace std::chrono_literals;

constexpr auto kRedraw = 100ms;
constexpr auto kFirstLine = 1s;  // of a log
constexpr auto kNextLine = 10s;
constexpr double kLongSeconds = 30;  // what takes longer is told how long

volatile std::sig_atomic_t interrupted = 0;

void on_signal(int signal) {
  // A second Ctrl-C must end a step that takes too long.
  if (interrupted != 0) std::_Exit(kExitInterrupted);
  interrupted = signal;
}

double seconds_of(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace

Console::Console() : terminal_(isatty(STDERR_FILENO) != 0) {}

Console::~Console() {
  if (drawn_) std::fputs("\n", stderr);
}

void Console::set(bool quiet, bool debug) {
  quiet_ = quiet;
  debug_ = debug;
}

void Console::stop_run() { interrupted = SIGPIPE; }

void Console::listen_for_signals() {
  interrupted = 0;
  // A reader that has gone is told by the write that fails.
  (void)std::signal(SIGPIPE, SIG_IGN);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  (void)sigaction(SIGINT, &action, nullptr);
  (void)sigaction(SIGTERM, &action, nullptr);
}

bool Console::cancelled() const noexcept { return interrupted != 0; }

void Console::clear_line() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void Console::say(const char* before, std::string_view message) {
  clear_line();
  std::fprintf(stderr, "%s%s\n", before, harmless(message, true).c_str());
}

void Console::info(std::string_view message) {
  if (!quiet_) say("", message);
}

void Console::warn(std::string_view message) { say("warning: ", message); }

void Console::debug(std::string_view message) {
  if (debug_) say("", message);
}

void Console::note(std::string_view task, std::string_view text) {
  for (Task& known : tasks_) {
    if (known.name == task) known.note = text;
  }
}

Console::Task& Console::task_of(std::string_view name, double done) {
  const auto known = std::find_if(tasks_.begin(), tasks_.end(),
                                  [&](const Task& task) { return task.name == name; });
  if (known != tasks_.end() && done >= known->done) {
    // Whatever was begun inside it has ended.
    tasks_.erase(known + 1, tasks_.end());
    return *known;
  }
  if (known != tasks_.end()) tasks_.erase(known, tasks_.end());  // the same work once more
  Task task;
  task.name = name;
  task.first = task.done = done;
  task.start = task.last = Clock::now();
  return tasks_.emplace_back(std::move(task));
}

void Console::progress(std::string_view name, double done, double total) {
  if (quiet_) return;
  Task& task = task_of(name, done);
  task.done = done;
  task.total = total;
  const bool outermost = &task == &tasks_.front();
  const bool last = total > 0 && done >= total;
  const auto now = Clock::now();
  if (terminal_) {
    if (now - last_draw_ >= kRedraw || (outermost && last)) draw(now);
    if (outermost && last && drawn_) {
      std::fputs("\n", stderr);
      drawn_ = false;
    }
  } else if (outermost ? !last || task.spoke : tasks_.front().total > 0) {
    // A log gets a line of the outermost task, whoever brought the news; none for a short one.
    Task& first = tasks_.front();
    if (now - first.last >= (first.spoke ? kNextLine : kFirstLine) || (outermost && last)) {
      first.last = now;
      first.spoke = true;
      draw(now);
    }
  }
  if (last) tasks_.erase(tasks_.begin() + (&task - tasks_.data()), tasks_.end());
}

std::string Console::line_of(const Task& task, Clock::time_point now, bool bar) {
  const double seconds = seconds_of(now - task.start);
  const double rate = seconds > 0 ? (task.done - task.first) / seconds : 0.0;
  char text[128];
  std::string line = harmless(task.name, false);
  if (task.total <= 0) {
    std::snprintf(text, sizeof text, ": %.0f, %.1f/s", task.done, rate);
    return line + text;
  }
  const double share = std::clamp(task.done / task.total, 0.0, 1.0);
  if (bar) {
    constexpr int kWidth = 28;
    std::string filled(kWidth, '.');
    std::fill_n(filled.begin(), static_cast<int>(share * kWidth), '#');
    std::snprintf(text, sizeof text, " %.0f/%.0f", task.done, task.total);
    line += " [" + filled + "]" + text;
  } else {
    std::snprintf(text, sizeof text, ": %.0f of %.0f (%.0f %%)", task.done, task.total,
                  100 * share);
    line += text;
  }
  return line;
}

void Console::draw(Clock::time_point now) {
  last_draw_ = now;
  const Task& first = tasks_.front();
  std::string line = line_of(first, now, terminal_);
  if (first.total > 0) {
    // A step within a picture counts as the part of the picture that it is.
    double done = first.done;
    if (tasks_.size() > 1 && tasks_[1].total > 0) {
      done += std::min(1.0, tasks_[1].done / tasks_[1].total);
    }
    const double seconds = seconds_of(now - first.start);
    const double rate = seconds > 0 ? (done - first.first) / seconds : 0.0;
    const double left = rate > 0 ? (first.total - done) / rate : 0.0;
    char text[64];
    std::snprintf(text, sizeof text, ", %.1f/s, ", rate);
    line += text;
    if (first.done >= first.total) {
      line += "took " + explain::duration_text(seconds);
    } else if (rate > 0) {
      line += (left > kLongSeconds ? "about " : "") + explain::duration_text(left) + " left";
    } else {
      line += "time left unknown";
    }
  }
  if (tasks_.size() > 1) line += "; " + line_of(tasks_.back(), now, false);
  const std::string& note = tasks_.back().note.empty() ? first.note : tasks_.back().note;
  if (!note.empty()) line += "  " + harmless(note, false);
  if (terminal_) {
    std::fprintf(stderr, "\r%s\033[K", line.c_str());
    std::fflush(stderr);
    drawn_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

}  // namespace cutaway::tools
