#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/engine.h"
#include "layers/model.h"
#include "runtime/observer.h"
#include "runtime/stream.h"

namespace cutaway::tools {

/// Times one pass of a network: "forward" to the class scores, or "saliency" (forward, then the
/// gradient of one class score down to the input; no weight gradients).
struct BenchJob {
  std::string pass{"forward"};
  std::int64_t batch{1};
  int rounds{10}, warmup{2};
  kernels::EngineOptions engines;
  bool per_layer{false};
  const Observer* observer{&silent_observer()};  ///< may cancel; outlives the call
};

struct LayerTime {
  std::string name, what;
  double ms{0}, gflops{0};
};

struct BenchResult {
  std::vector<double> ms;  ///< every round, in order
  double median_ms{0}, p10_ms{0}, p90_ms{0};
  double images_per_second{0};
  /// Of one round: 2 x multiply-adds of convolutions and dense layers (saliency: twice).
  double gflop{0};
  double gflops{0};  ///< effective: gflop / median (Winograd does less work than that counts)
  std::size_t arena_bytes{0};
  double setup_ms{0};  ///< planning, allocation, weight transforms
  std::vector<LayerTime> layers;
};

/// Throws kUsage for an unknown pass, Cancelled between rounds.
[[nodiscard]] BenchResult run_bench(const Model& model, const BenchJob& job, const Stream& stream);

}  // namespace cutaway::tools
