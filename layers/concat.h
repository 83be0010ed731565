#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Concatenation along channels, in the order of the inputs. Where block boundaries allow it the
/// planner lets the inputs be slices of the output, and nothing is copied.
class Concat final : public Layer {
 public:
  Concat() = default;
  explicit Concat(const Attributes&) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kConcat; }
  [[nodiscard]] std::string_view type() const noexcept override { return "concat"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  void forward(const Call& call) const override;
  void vjp(const BackCall& call) const override;
};

}  // namespace cutaway
