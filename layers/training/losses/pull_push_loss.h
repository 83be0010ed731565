#pragma once

#include "layers/training/losses/similarity_loss.h"

namespace cutaway {

/// Pulls images of a class together and pushes those of others apart:
///   L = pull * mean over pairs of one class of (1 - u_i u_j)
///     + push * mean over pairs of two classes of max(0, u_i u_j - margin);
/// a mean over no pairs is 0 (a contrastive loss in the manner of Hadsell et al. 2006, on cosines).
/// Settings: those of SimilarityLoss, here with masked true where the network has class activation
/// maps, and warmup_epochs 5; pull (1), push (1), margin (0.3).
class PullPushLoss final : public SimilarityLoss {
 public:
  PullPushLoss(const Graph& graph, NodeId logits, const Attributes& settings);
  [[nodiscard]] std::string_view kind() const noexcept override { return "pull_push"; }

 protected:
  double compare(const Matrix& g, std::span<const std::int32_t> labels, Matrix& dg) const override;

 private:
  double pull_, push_, margin_;
};

}  // namespace cutaway
