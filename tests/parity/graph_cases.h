#pragma once

#include <string>
#include <vector>

namespace parity {

/// What one network did on CUDA, held to the CPU.
struct GraphResult {
  std::string name;
  double worst{0};           ///< largest |cuda - cpu| / max |cpu| over outputs and gradients
  bool replay_equal{false};  ///< the recorded passes give the bits of the eager ones
  bool passed{false};
  std::string error;
};

/// Names of the networks: small ones of every layer, with random weights.
[[nodiscard]] std::vector<std::string> graph_case_names();
/// Runs all of them on CUDA device 0. Only call it where there is one.
[[nodiscard]] std::vector<GraphResult> run_graph_cases();

}  // namespace parity
