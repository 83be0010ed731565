#pragma once

#include "layers/layer.h"

namespace cutaway {

/// y = x where x > 0, slope_c * x elsewhere, with a learned slope for every channel (He et al.
/// 2015, PReLU). A net with one slope for all channels repeats it. Parameter: slope, 1 x C x 1 x 1.
class PReluLayer final : public Layer {
 public:
  PReluLayer() = default;
  explicit PReluLayer(const Attributes&) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kPRelu; }
  [[nodiscard]] std::string_view type() const noexcept override { return "prelu"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] std::vector<ParameterSpec> parameters(std::span<const Shape> in) const override;
  [[nodiscard]] bool in_place() const override { return true; }
  void forward(const Call& call) const override;
  /// A slope may be negative, so the output does not tell the sign of the input.
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepInput; }
  [[nodiscard]] std::uint8_t parameter_gradient_keeps() const noexcept override {
    return kKeepInput;
  }
  [[nodiscard]] std::unique_ptr<Prepared> prepare_vjp(const PrepareContext& c) const override;
  void vjp(const BackCall& call) const override;
};

}  // namespace cutaway
