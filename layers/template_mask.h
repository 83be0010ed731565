#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Masks every map around its strongest position (the interpretable CNN, Zhang et al. 2018, section
/// 3):
///   y = max(x * T, 0),   T[h, w] = max(1 - beta * (|h - row| + |w - column|) / n, -1),
/// (row, column) the first maximum of the map, n the greater of its extents. The paper's templates
/// have a constant factor tau = 0.5 / n^2 too, which belongs to its loss
/// (layers/training/losses/filter_loss.h) and would only scale the map here. For maps that are not
/// negative, behind a ReLU. The gradient takes the position as constant.
class TemplateMask final : public Layer {
 public:
  /// beta > 0 and at most 1000; throws kInput otherwise.
  explicit TemplateMask(double beta = 4.0);
  explicit TemplateMask(const Attributes& a) : TemplateMask(a.number("beta", 4.0)) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kTemplateMask; }
  [[nodiscard]] std::string_view type() const noexcept override { return "template_mask"; }
  [[nodiscard]] Attributes attributes() const override { return {{"beta", beta_}}; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  /// Flat positions of the maxima.
  [[nodiscard]] std::optional<AuxSpec> aux(std::span<const Shape> in, bool training) const override;
  /// The position may come from anywhere in the map.
  [[nodiscard]] Window window() const override;
  [[nodiscard]] std::unique_ptr<Prepared> prepare(const PrepareContext& c) const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepOutput | kKeepAux; }
  [[nodiscard]] bool vjp_in_place() const override { return true; }
  void vjp(const BackCall& call) const override;

 private:
  double beta_;
};

}  // namespace cutaway
