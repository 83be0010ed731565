#pragma once

#include <optional>
#include <string>

#include "layers/training/losses/cam_mask.h"
#include "layers/training/losses/embedding.h"
#include "layers/training/losses/loss.h"

namespace cutaway {

/// What losses have in common that compare images by unit vectors u of their feature maps: they are
/// functions of the similarities G_ij = u_i u_j alone. Settings of all of them:
///   layer               whose maps (the last ones before the classifier)
///   features (pooled)   "pooled" or "flat" (EmbeddingKind)
///   masked (false)      maps are weighted with the class activation map of the true class
///   mask_threshold (0)  above 0: the mask is 0 or 1 (CamMask)
///   warmup_epochs (0)   the loss rises linearly from 0, and masks are not used until then
class SimilarityLoss : public Loss {
 public:
  [[nodiscard]] std::vector<NodeId> reads() const override { return {layer_}; }
  double evaluate(const LossCall& call) final;
  /// intra, inter: mean similarity of two images of one class, and of two classes; norm: mean
  /// length before normalisation. All similarities near 1, or norms near 0, mean that the features
  /// collapse.
  [[nodiscard]] std::vector<Figure> figures() const override { return figures_; }

 protected:
  struct Defaults {
    bool masked{false};
    double warmup_epochs{0.0};
  };
  SimilarityLoss(const Graph& graph, const Attributes& settings, const Defaults& defaults);

  /// The loss of similarities G, and dG = dL/dG, zero when called. G_ij and G_ji may each get their
  /// share.
  virtual double compare(const Matrix& g,
                         std::span<const std::int32_t> labels,
                         Matrix& dg) const = 0;

 private:
  void watch(const Matrix& g, std::span<const std::int32_t> labels, double norm);

  NodeId layer_;
  EmbeddingKind features_;
  std::optional<CamMask> mask_;
  float mask_threshold_;
  double warmup_;
  std::optional<Embedding> embedding_;
  std::vector<Figure> figures_;
};

/// A setting within [least, most]; throws kInput otherwise.
[[nodiscard]] double setting(
    const Attributes& settings, const char* name, double otherwise, double least, double most);
/// The node of setting `layer`; where there is none, the last maps before the classifier.
[[nodiscard]] NodeId layer_setting(const Graph& graph, const Attributes& settings);

}  // namespace cutaway
