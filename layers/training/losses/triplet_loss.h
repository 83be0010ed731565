#pragma once

#include "layers/training/losses/similarity_loss.h"

namespace cutaway {

/// Triplets (Schroff et al. 2015): L = mean over triplets of max(0, D_ap - D_an + margin), D the
/// squared Euclidean distance of unit vectors, a an anchor, p another image of its class, n one of
/// another class. Settings: those of SimilarityLoss; margin (0.2); mining (batch_hard):
///   batch_hard  one triplet an anchor: the farthest p and the nearest n (Hermans et al. 2017)
///   semi_hard   one triplet a pair (a, p): the nearest n with D_ap < D_an < D_ap + margin; pairs
///               without are left out
/// Anchors without p or n are left out; without any triplet the loss is 0. Of equal distances the
/// first counts.
class TripletLoss final : public SimilarityLoss {
 public:
  TripletLoss(const Graph& graph, NodeId logits, const Attributes& settings);
  [[nodiscard]] std::string_view kind() const noexcept override { return "triplet"; }

 protected:
  double compare(const Matrix& g, std::span<const std::int32_t> labels, Matrix& dg) const override;

 private:
  struct Triplet {
    std::int64_t a, p, n;
  };
  [[nodiscard]] std::vector<Triplet> batch_hard(const Matrix& d,
                                                std::span<const std::int32_t> labels) const;
  [[nodiscard]] std::vector<Triplet> semi_hard(const Matrix& d,
                                               std::span<const std::int32_t> labels) const;

  double margin_;
  bool semi_hard_;
};

}  // namespace cutaway
