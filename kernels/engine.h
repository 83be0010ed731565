#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/cpu_features.h"

namespace cutaway::kernels {

/// Forces engines by operation: "conv:reference", "gemm:library", several separated by commas.
/// Empty: the first engine of the ordered list that accepts the problem. "cpu:baseline" is no
/// engine but the level of the CPU's kernels, for whoever makes the stream.
struct EngineOptions {
  std::string force;
  /// Only engines whose result for one image does not depend on the size of its batch.
  bool batch_invariant{false};

  /// The engine forced for `operation`, or empty.
  [[nodiscard]] std::string forced(std::string_view operation) const;
  /// The level forced by "cpu:LEVEL", or the default of this process. Throws kUsage for one that
  /// this processor does not run.
  [[nodiscard]] CpuLevel cpu_level() const;
  /// Throws kUsage, naming the known operations and engines, when `force` does not parse.
  void validate() const;
};

/// Which engine took a problem, and why those before (or, when one was forced, around) it did not.
struct EngineReport {
  std::string chosen;
  std::vector<std::pair<std::string, std::string>> declined;  ///< engine, reason

  /// "winograd (onednn: not tried)" on one line.
  [[nodiscard]] std::string text() const;
};

}  // namespace cutaway::kernels
