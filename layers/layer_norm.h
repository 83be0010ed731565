#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Layer normalisation over the channels of every place, in training and evaluation alike (Ba et
/// al. 2016; ConvNeXt's LayerNorm2d): y = gamma_c (x - mean) / sqrt(var + eps) + beta_c, with the
/// moments over c at (n, h, w) and the biased variance. Normalisation over a whole image is
/// GroupNorm with one group. Parameters, unless `affine` is false: gamma and beta, 1 x C x 1 x 1.
class LayerNorm final : public Layer {
 public:
  /// Throws kInput unless 0 < eps < 1.
  explicit LayerNorm(double eps = 1e-5, bool affine = true);
  explicit LayerNorm(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kLayerNorm; }
  [[nodiscard]] std::string_view type() const noexcept override { return "layer_norm"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] std::vector<ParameterSpec> parameters(std::span<const Shape> in) const override;
  [[nodiscard]] bool in_place() const override { return true; }
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepInput; }
  [[nodiscard]] bool vjp_in_place() const override { return true; }
  [[nodiscard]] std::uint8_t parameter_gradient_keeps() const noexcept override {
    return kKeepInput;
  }
  [[nodiscard]] std::unique_ptr<Prepared> prepare_vjp(const PrepareContext& c) const override;
  void vjp(const BackCall& call) const override;

 private:
  double eps_;
  bool affine_;
};

}  // namespace cutaway
