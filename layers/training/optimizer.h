#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "layers/model.h"
#include "layers/training/named_tensor.h"

namespace cutaway {

/// How parameters move.
struct OptimizerOptions {
  enum class Kind : std::uint8_t {
    kSgd,   ///< momentum, optionally Nesterov's
    kAdam,  ///< Kingma & Ba 2015; weight decay as an L2 penalty
    kAdamW  ///< Loshchilov & Hutter 2019; decoupled weight decay
  };
  Kind kind{Kind::kSgd};
  float momentum{0.9f};  ///< SGD; Adam: beta1
  float beta2{0.999f};   ///< Adam
  float eps{1e-8f};      ///< Adam
  bool nesterov{false};
  /// Decay by kind of parameter: weights of convolutions and dense layers; biases; scale and shift
  /// of normalisation.
  float weight_decay{0.0f}, bias_decay{0.0f}, norm_decay{0.0f};
  /// Above 0: gradients are scaled down together so that the L2 norm of all of them is at most this
  /// (Pascanu et al. 2013); not finite norms are left to the caller, who sees them in the loss.
  float clip_norm{0.0f};
  /// Above 0: every element of a gradient is limited to [-clip_value, clip_value].
  float clip_value{0.0f};
};

/// Applies gradients to the trainable parameters of a model.
class Optimizer {
 public:
  /// `frozen` nodes keep their parameters. Throws kUsage for options outside their ranges.
  Optimizer(const Model& model,
            Device device,
            const OptimizerOptions& options,
            std::span<const NodeId> frozen = {});

  /// One update with this learning rate; parameters and gradients live on the stream's device.
  /// Returns the L2 norm of all gradients before clipping where clip_norm is above 0, else 0.
  double step(Stream& stream, Parameters& parameters, const Parameters& gradients, float rate);

  /// Updates so far.
  [[nodiscard]] std::int64_t steps() const noexcept { return steps_; }
  /// Momenta on the CPU, named NODE/PARAMETER/first and /second.
  [[nodiscard]] std::vector<NamedTensor> state() const;
  /// Goes on from `steps` updates with the tensors of state(). Throws kInput, naming the tensor,
  /// when one is missing or has another shape.
  void restore(std::int64_t steps, std::span<const NamedTensor> state);

 private:
  struct Entry {
    NodeId node;
    std::size_t index;
    std::string name;
    float decay;
    Tensor first, second;  // momentum, or Adam's two moments
    Tensor sums;           // pieces of the sum of squares
  };

  [[nodiscard]] double gradient_norm(Stream& stream, const Parameters& gradients);
  void update(Stream& stream, Entry& entry, float* w, const float* g, float rate, float scale);

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
