#pragma once

#include <cstdint>
#include <vector>

#include "layers/model.h"

namespace cutaway {

/// How parameters move. SGD with momentum (optionally Nesterov's), or Adam with decoupled weight
/// decay.
struct OptimizerOptions {
  enum class Kind : std::uint8_t { kSgd, kAdam };
  Kind kind{Kind::kSgd};
  float momentum{0.9f};  ///< SGD; Adam: beta1
  float beta2{0.999f};   ///< Adam
  float eps{1e-8f};      ///< Adam
  float weight_decay{0.0f};
  bool nesterov{false};
};

/// Applies gradients to the trainable parameters of a model. Weight decay acts on weights only, not
/// on biases or normalisation.
class Optimizer {
 public:
  Optimizer(const Model& model, Device device, const OptimizerOptions& options);
  /// One update with this learning rate; parameters and gradients live on the stream's device.
  void step(Stream& stream, Parameters& parameters, const Parameters& gradients, float rate);

 private:
  struct Entry {
    NodeId node;
    std::size_t index;
    bool decays;
    Tensor first, second;  // momentum, or Adam's two moments
  };

  OptimizerOptions options_;
  std::vector<Entry> entries_;
  std::int64_t steps_{0};
};

/// Learning rate at `step` of `total`: linear warm-up over `warmup` steps, then half a cosine from
/// `peak` down to 0 (Loshchilov & Hutter 2017).
[[nodiscard]] float cosine_rate(std::int64_t step,
                                std::int64_t total,
                                std::int64_t warmup,
                                float peak);

}  // namespace cutaway
