#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Softmax over channels.
class Softmax final : public Layer {
 public:
  Softmax() = default;
  explicit Softmax(const Attributes&) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kSoftmax; }
  [[nodiscard]] std::string_view type() const noexcept override { return "softmax"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepOutput; }
  void vjp(const BackCall& call) const override;
};

}  // namespace cutaway
