#pragma once

#include "kernels/conv.h"
#include "layers/layer.h"

namespace cutaway {

/// 2-D convolution with optional bias (kernels::ConvGeometry gives the formula). Parameters: weight
/// O x I/groups x kh x kw, bias O.
class Conv final : public Layer {
 public:
  /// Throws kInput for an impossible geometry.
  Conv(std::int64_t channels, const kernels::ConvGeometry& g, bool bias = true);
  explicit Conv(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kConv; }
  [[nodiscard]] std::string_view type() const noexcept override { return "conv"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] std::vector<ParameterSpec> parameters(std::span<const Shape> in) const override;
  [[nodiscard]] Window window() const override;
  [[nodiscard]] std::int64_t macs(std::span<const Shape> in) const override;
  [[nodiscard]] bool fuses_relu() const override { return true; }
  [[nodiscard]] bool accepts_plain_input() const override { return true; }
  [[nodiscard]] std::unique_ptr<Prepared> prepare(const PrepareContext& c) const override;
  void forward(const Call& call) const override;
  /// Only the weight gradient reads the input; explaining keeps nothing for a convolution.
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepNothing; }
  [[nodiscard]] std::uint8_t parameter_gradient_keeps() const noexcept override {
    return kKeepInput;
  }
  [[nodiscard]] std::unique_ptr<Prepared> prepare_vjp(const PrepareContext& c) const override;
  void vjp(const BackCall& call) const override;
  [[nodiscard]] std::unique_ptr<LinearMap> linear_map(const LinearGeometry& g) const override;

  [[nodiscard]] const kernels::ConvGeometry& geometry() const noexcept { return g_; }
  [[nodiscard]] bool has_bias() const noexcept { return bias_; }

 private:
  std::int64_t channels_;
  kernels::ConvGeometry g_;
  bool bias_;
};

}  // namespace cutaway
