#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/engine.h"
#include "layers/model.h"
#include "runtime/observer.h"
#include "runtime/stream.h"

namespace cutaway::tools {

/// Times explanations of one random image (projections: of nine).
struct ExplainBenchJob {
  std::string what;   ///< a method's name, "projections" or "class_maps"
  std::string layer;  ///< empty: the method's default
  std::int64_t window{32}, stride{8}, samples{50};
  std::string passes{"automatic"};  ///< of occlusion
  int rounds{3}, warmup{1};
  kernels::EngineOptions engines;
  const Observer* observer{&silent_observer()};  ///< may cancel; outlives the call
};

struct ExplainBenchResult {
  /// Every round: forward pass and explanation (class_maps: the maps only).
  std::vector<double> ms;
  double median_ms{0}, setup_ms{0};
  std::int64_t passes{1};  ///< passes through the network a round
  double work{1.0};        ///< multiply-adds of one of them, as a share of a full one
  std::string layer;
};

/// Throws kUsage for an unknown case, Cancelled between rounds.
[[nodiscard]] ExplainBenchResult run_explain_bench(const Model& model,
                                                   const ExplainBenchJob& job,
                                                   const Stream& stream);

}  // namespace cutaway::tools
