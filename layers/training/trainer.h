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
    /// Above 0: after every update, convolution filters of a greater root mean square are scaled
    /// back to this one (renormalize_filters; Zeiler & Fergus 2013: 0.1).
    double filter_radius{0.0};
    std::uint64_t seed{0};
    kernels::EngineOptions engines;
  };

  /// `logits` is the node of the class scores. Works on a copy of the model's parameters, on the
  /// stream's device.
  Trainer(const Model& model, NodeId logits, const Options& options, Stream stream);

  // The executor refers to the working copy beside it.
  Trainer(Trainer&&) = delete;
  Trainer& operator=(Trainer&&) = delete;

  struct Result {
    double loss;  ///< mean over the batch, before the update
    std::int64_t correct;
  };
  /// One update from `batch` images (plain, CPU) and their classes. Throws kShape and kInput when
  /// they do not fit the network, kInternal when the loss is no longer finite.
  Result step(const Tensor& images, std::span<const std::int32_t> labels, float rate);

  /// The parameters as they are now, on the CPU.
  [[nodiscard]] Parameters parameters() const;
  /// How many filters have been scaled back so far, over all updates.
  [[nodiscard]] std::int64_t renormalized() const noexcept { return renormalized_; }

 private:
  Options options_;
  Model working_;
  Executor executor_;
  Optimizer optimizer_;
  NodeId logits_;
  Tensor labels_, losses_;
  std::uint64_t steps_{0};
  std::int64_t renormalized_{0};
};

}  // namespace cutaway
