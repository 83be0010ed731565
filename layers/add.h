#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Sum of two or more inputs of equal shape (residual connections).
class Add final : public Layer {
 public:
  Add() = default;
  explicit Add(const Attributes&) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kAdd; }
  [[nodiscard]] std::string_view type() const noexcept override { return "add"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  void forward(const Call& call) const override;
  void vjp(const BackCall& call) const override;
};

}  // namespace cutaway
