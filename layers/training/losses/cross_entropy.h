#pragma once

#include "layers/training/losses/loss.h"

namespace cutaway {

/// Mean cross-entropy of the class scores before softmax (kernels::CrossEntropy), with label
/// smoothing e: the target is (1 - e) onehot + e / classes (Szegedy et al. 2016). Settings:
/// smoothing (0, below 1).
class CrossEntropyLoss final : public Loss {
 public:
  CrossEntropyLoss(const Graph& graph, NodeId logits, const Attributes& settings);
  [[nodiscard]] std::string_view kind() const noexcept override { return "cross_entropy"; }
  [[nodiscard]] std::vector<NodeId> reads() const override { return {logits_}; }
  double evaluate(const LossCall& call) override;
  [[nodiscard]] bool compares_images() const override { return false; }

 private:
  void make_room(const LossCall& call);

  NodeId logits_;
  float smoothing_;
  Tensor own_, other_, share_, losses_, gradient_;  // on the stream's device
};

}  // namespace cutaway
