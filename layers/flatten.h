#pragma once

#include "layers/layer.h"

namespace cutaway {

/// n x c x h x w -> n x (c h w) x 1 x 1 in C, H, W order, whatever the layout in memory.
class Flatten final : public Layer {
 public:
  Flatten() = default;
  explicit Flatten(const Attributes&) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kFlatten; }
  [[nodiscard]] std::string_view type() const noexcept override { return "flatten"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  void forward(const Call& call) const override;
  void vjp(const BackCall& call) const override;
};

}  // namespace cutaway
