#pragma once

#include <functional>
#include <string>
#include <vector>

#include "explain/runs/run_context.h"
#include "tools/program/console.h"

namespace cutaway::tools {

/// What every verb takes.
struct CommonOptions : explain::RunSettings {
  bool json{false}, quiet{false};
  int verbose{0};
};

/// The program while it runs one verb. Results go to stdout, progress and logs to stderr.
class Context {
 public:
  CommonOptions common;
  std::vector<std::string> argv;
  /// What the chosen verb will do; returns the exit code.
  std::function<int()> action;

  [[nodiscard]] Stream stream() const { return common.stream(); }
  [[nodiscard]] kernels::EngineOptions engines() const { return common.engines(); }
  /// What a run of the library is given; refers to this context.
  [[nodiscard]] explain::RunContext run() const;
  /// The terminal as runs see it. Speaks as the options say from the time they are known.
  [[nodiscard]] Observer& observer() const { return console_; }
  void info(const std::string& message) const { console_.info(message); }
  void warn(const std::string& message) const { console_.warn(message); }
  /// Tells the terminal what the options say; call it when they have been read.
  void options_are_read();

 private:
  // Redrawing a line changes nothing that a verb could see.
  mutable Console console_;
};

/// Exit codes (docs/troubleshooting.md).
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitInput = 3,
  kExitMismatch = 4,
  kExitPartial = 5,
  kExitInterrupted = 130
};

/// Runs the program; never throws. `arguments` without the program's name.
int run_program(const std::vector<std::string>& arguments);

/// "cutaway 0.1.0".
[[nodiscard]] std::string version_text();

}  // namespace cutaway::tools
