#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/engine.h"
#include "runtime/observer.h"
#include "runtime/stream.h"

namespace cutaway::explain {

/// Where and how a run computes.
struct RunSettings {
  std::string device{"auto"};     ///< "auto", "cpu", "cuda" or "cuda:N"
  std::string precision{"fp32"};  ///< of the net; maps are float32 whatever it is
  std::string engine;             ///< kernels::EngineOptions::force
  int threads{0};                 ///< of the CPU; 0: all
  std::uint64_t seed{0};          ///< of all random numbers
  /// Bytes that the run may take for pictures, activations and samples, all threads together, beside
  /// the net itself; 0: half of the machine's.
  std::uint64_t memory{0};

  /// Throws kUsage for an unknown device, kUnsupported where it is not there.
  [[nodiscard]] Stream stream() const;
  /// Throws kUsage, naming the known engines, when `engine` does not parse.
  [[nodiscard]] kernels::EngineOptions engines() const;
  /// A quarter of the memory, 1 GiB at most: for what methods make of many inputs at a time, for the
  /// activations of a batch, and, 512 MiB at most, for pictures while they are decoded.
  [[nodiscard]] std::size_t share_of_memory() const;
  /// `threads`, or as many as the machine has.
  [[nodiscard]] int cpu_threads() const;
};

/// Who asked for a run: the command line that repeats it, program first. Manifests and reports hold
/// it; empty for a call that no command stands for.
struct Origin {
  std::vector<std::string> argv;
};

/// What every run is given beside its job. Holds no state of its own: several runs of a process,
/// each with its own context, do not know of each other.
struct RunContext {
  RunContext() = default;
  explicit RunContext(RunSettings s, Observer& o = silent_observer(), Origin who = {})
      : settings(std::move(s)), observer(o), origin(std::move(who)) {}

  RunSettings settings;
  /// Hears of progress and may cancel the run, which then throws Cancelled. Outlives the run.
  Observer& observer{silent_observer()};
  Origin origin;
  /// When the run began: when it was given this.
  std::chrono::system_clock::time_point started{std::chrono::system_clock::now()};
};

}  // namespace cutaway::explain
