#pragma once

#include <cstdint>
#include <span>

#include "layers/executor.h"
#include "layers/training/optimizer.h"

namespace cutaway {

/// Trains a classifier by cross-entropy on the scores before softmax.
class Trainer {
 public:
  struct Options {
    std::int64_t batch{64};
    OptimizerOptions optimizer;
    float label_smoothing{0.0f};
    std::uint64_t seed{0};
    kernels::EngineOptions engines;
  };

  /// `logits` is the node of the class scores. Works on a copy of the model's parameters, on the stream's
  /// device.
  Trainer(const Model& model, NodeId logits, const Options& options, Stream stream);

  // The executor refers to the working copy beside it.
  Trainer(Trainer&&) = delete;
  Trainer& operator=(Trainer&&) = delete;

  struct Result {
    double loss;      ///< mean over the batch, before the update
    std::int64_t correct;
  };
  /// One update from `batch` images (plain, CPU) and their classes. Throws kShape and kInput when they do not
  /// fit the network, kInternal when the loss is no longer finite.
  Result step(const Tensor& images, std::span<const std::int32_t> labels, float rate);

  /// The parameters as they are now, on the CPU.
  [[nodiscard]] Parameters parameters() const;

 private:
  Options options_;
  Model working_;
  Executor executor_;
  Optimizer optimizer_;
  NodeId logits_;
  Tensor labels_, losses_;
  std::uint64_t steps_{0};
};

}  // namespace cutaway
