#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/engine.h"
#include "runtime/log.h"
#include "runtime/stream.h"

namespace CLI {
class App;
}

namespace cutaway::tools {

/// What every verb takes.
struct CommonOptions {
  std::string device{"auto"};
  std::string precision{"fp32"};
  std::string engine;  ///< EngineOptions::force
  int threads{0};
  std::uint64_t seed{0};
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

  [[nodiscard]] Stream stream() const;
  [[nodiscard]] kernels::EngineOptions engines() const;
  [[nodiscard]] Logger logger() const;
  void info(const std::string& message) const;
  void warn(const std::string& message) const;
};

/// What the program ends with. docs/troubleshooting.md tells users what each of them means.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitInput = 3,
  kExitMismatch = 4,
  kExitPartial = 5,
  kExitInterrupted = 130
};

/// Thrown where a long loop notices that the user pressed Ctrl-C.
struct Interrupted {};
/// Throws Interrupted after SIGINT or SIGTERM; long loops call it between images.
void throw_if_interrupted();

/// Runs the program; never throws. `arguments` without the program's name.
int run_program(const std::vector<std::string>& arguments);

/// "cutaway 0.1.0".
[[nodiscard]] std::string version_text();

}  // namespace cutaway::tools
