#pragma once

#include <optional>

#include "layers/training/losses/embedding.h"
#include "layers/training/losses/loss.h"

namespace cutaway {

/// Distance of features to the centre of their class (Wen et al. 2016):
///   L = 1/2 mean over images of |v_i - c_y|^2,
/// after which the centres of the batch's classes move (equation 4 of the paper):
///   c_j <- c_j - rate * sum over images of class j of (c_j - v_i) / (1 + their number).
/// Settings: layer, features as in SimilarityLoss (vectors are not normalised); centre_rate (0.5).
/// Centres begin at 0.
class CentreLoss final : public Loss {
 public:
  CentreLoss(const Graph& graph, NodeId logits, const Attributes& settings);
  [[nodiscard]] std::string_view kind() const noexcept override { return "centre"; }
  [[nodiscard]] std::vector<NodeId> reads() const override { return {layer_}; }
  double evaluate(const LossCall& call) override;
  [[nodiscard]] std::vector<Figure> figures() const override;
  [[nodiscard]] std::vector<NamedTensor> state() const override;
  void restore(std::span<const NamedTensor> state) override;

 private:
  void move_centres(const Matrix& v, std::span<const std::int32_t> labels);

  NodeId layer_;
  EmbeddingKind features_;
  double rate_;
  Tensor centres_;  // classes x length x 1 x 1
  std::optional<Embedding> embedding_;
};

}  // namespace cutaway
