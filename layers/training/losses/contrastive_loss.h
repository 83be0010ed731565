#pragma once

#include "layers/training/losses/similarity_loss.h"

namespace cutaway {

/// The supervised contrastive loss (Khosla et al. 2020, equation 2), on one view of every image:
///   L = mean over anchors i of -1/|P(i)| sum over p in P(i) of log(s_ip),
///   s_ip = exp(u_i u_p / t) / sum over a != i of exp(u_i u_a / t),
/// P(i) the other images of the class; anchors without any are left out. Settings: those of
/// SimilarityLoss; temperature t (0.1).
class ContrastiveLoss final : public SimilarityLoss {
 public:
  ContrastiveLoss(const Graph& graph, NodeId logits, const Attributes& settings);
  [[nodiscard]] std::string_view kind() const noexcept override { return "contrastive"; }

 protected:
  double compare(const Matrix& g, std::span<const std::int32_t> labels, Matrix& dg) const override;

 private:
  double temperature_;
};

}  // namespace cutaway
