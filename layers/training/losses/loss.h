#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "layers/attributes.h"
#include "layers/model.h"
#include "layers/training/named_tensor.h"
#include "runtime/stream.h"

namespace cutaway {

/// The true classes of a batch. With mixup an image has two: (1 - share) of it is of class own,
/// share of class other.
struct BatchLabels {
  std::span<const std::int32_t> own;
  std::span<const std::int32_t> other{};  ///< empty: without mixup
  std::span<const float> share{};
};

/// One evaluation of a loss. Values and gradients are laid out as the plan decided, on the stream's
/// device.
struct LossCall {
  Stream& stream;
  std::span<const TensorRef> values;     ///< of the nodes of Loss::reads(), in that order
  std::span<const TensorRef> gradients;  ///< the loss adds weight * dL/dvalue
  BatchLabels labels;
  const Parameters& parameters;  ///< of the network, on the stream's device
  double epoch{0.0};             ///< passes over the data so far, with fraction
  float weight{1.0f};
};

/// A number worth watching beside the loss: ("intra", mean similarity within classes).
using Figure = std::pair<std::string, double>;

/// A training loss: reads outputs of some nodes and the labels of a batch, and adds its gradient.
class Loss {
 public:
  virtual ~Loss() = default;
  [[nodiscard]] virtual std::string_view kind() const noexcept = 0;
  /// The nodes whose outputs it reads.
  [[nodiscard]] virtual std::vector<NodeId> reads() const = 0;
  /// The unweighted loss of the batch. Its own state (centres) moves.
  virtual double evaluate(const LossCall& call) = 0;
  /// Of the last evaluation.
  [[nodiscard]] virtual std::vector<Figure> figures() const { return {}; }
  /// It needs one class an image: mixup is not for it.
  [[nodiscard]] virtual bool compares_images() const { return true; }

  /// Tensors that move while it is used, for checkpoints.
  [[nodiscard]] virtual std::vector<NamedTensor> state() const { return {}; }
  /// Throws kInput when a tensor of state() is missing or has another shape.
  virtual void restore(std::span<const NamedTensor> /*state*/) {}
};

using LossPtr = std::unique_ptr<Loss>;

/// Which loss, how much it counts, and its settings (loss_kinds()).
struct LossSpec {
  std::string kind{"cross_entropy"};
  float weight{1.0f};
  Attributes settings{};
};

/// Makes a loss for a network with class scores at node `logits`. Throws kUsage for an unknown
/// kind, kInput for settings that are unknown or out of range, kUnsupported when the network is not
/// of a form that the loss needs.
[[nodiscard]] LossPtr make_loss(const LossSpec& spec, const Graph& graph, NodeId logits);

/// All kinds, in alphabetical order, with a line each.
struct LossKind {
  std::string_view kind, summary;
};
[[nodiscard]] std::span<const LossKind> loss_kinds() noexcept;

/// "cross_entropy,pull_push:0.1": kinds with weights, 1 where there is none. Throws kUsage where it
/// cannot be read.
[[nodiscard]] std::vector<LossSpec> parse_losses(std::string_view text);

}  // namespace cutaway
