#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Inverted dropout: training scales what it keeps by 1 / (1 - rate); evaluation is the identity.
class Dropout final : public Layer {
 public:
  /// rate in [0, 1); throws kInput otherwise.
  explicit Dropout(float rate);
  explicit Dropout(const Attributes& a) : Dropout(static_cast<float>(a.number("rate", 0.5))) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kDropout; }
  [[nodiscard]] std::string_view type() const noexcept override { return "dropout"; }
  [[nodiscard]] Attributes attributes() const override { return {{"rate", double{rate_}}}; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] bool identity(bool training) const override { return !training || rate_ == 0.0f; }
  [[nodiscard]] bool in_place() const override { return true; }
  void forward(const Call& call) const override;
  [[nodiscard]] bool vjp_in_place() const override { return true; }
  void vjp(const BackCall& call) const override;

 private:
  float rate_;
};

}  // namespace cutaway
