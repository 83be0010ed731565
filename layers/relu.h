#pragma once

#include "layers/layer.h"

namespace cutaway {

/// y = max(x, 0).
class Relu final : public Layer {
 public:
  Relu() = default;
  explicit Relu(const Attributes&) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kRelu; }
  [[nodiscard]] std::string_view type() const noexcept override { return "relu"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] bool in_place() const override { return true; }
  void forward(const Call& call) const override;
  /// The output tells where the input was positive, so a ReLU may run in place.
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepOutput; }
  [[nodiscard]] bool vjp_in_place() const override { return true; }
  void vjp(const BackCall& call) const override;
};

}  // namespace cutaway
