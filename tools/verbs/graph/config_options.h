#pragma once

#include <cstdint>
#include <string>

#include "explain/graph/config.h"

namespace cutaway::tools {

class Command;

/// How a graph is learned, as `cutaway graph learn` is told; what is not given is the preset's.
struct GraphConfigOptions {
  std::string preset{"default"}, strength, likeness, place, orientation, sigma;
  std::int64_t parents{0}, candidates{0}, iterations{0}, restarts{0};
  double static_fraction{-1}, range{0}, least_likeness{-1};
  bool flips{false};

  /// Throws kUsage for unknown names.
  [[nodiscard]] explain::graph::Config config(std::uint64_t seed) const;
};

/// --preset and everything that changes it, --parents to --sigma.
void add_config_options(Command& verb, GraphConfigOptions& options);

}  // namespace cutaway::tools
