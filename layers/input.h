#pragma once

#include "layers/layer.h"

namespace cutaway {

/// The network's input: c x h x w of one image.
class Input final : public Layer {
 public:
  explicit Input(const Shape& shape) : shape_(shape) {}
  explicit Input(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kInput; }
  [[nodiscard]] std::string_view type() const noexcept override { return "input"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  void forward(const Call&) const override {}
  void vjp(const BackCall&) const override {}

 private:
  Shape shape_;
};

}  // namespace cutaway
