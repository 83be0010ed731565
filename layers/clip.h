#pragma once

#include "layers/layer.h"

namespace cutaway {

/// y = min(max(x, low), high). ReLU6 is Clip(0, 6).
class Clip final : public Layer {
 public:
  /// low <= 0 <= high, low < high, both finite; throws kInput otherwise.
  Clip(double low, double high);
  explicit Clip(const Attributes& a) : Clip(a.number("low", 0.0), a.number("high", 6.0)) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kClip; }
  [[nodiscard]] std::string_view type() const noexcept override { return "clip"; }
  [[nodiscard]] Attributes attributes() const override { return {{"low", low_}, {"high", high_}}; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] bool in_place() const override { return true; }
  void forward(const Call& call) const override;
  /// dx = dy [low < y < high]: 0 at the bounds, as PyTorch's hardtanh and ReLU6 have it.
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepOutput; }
  [[nodiscard]] bool vjp_in_place() const override { return true; }
  void vjp(const BackCall& call) const override;

  [[nodiscard]] float low() const noexcept { return static_cast<float>(low_); }
  [[nodiscard]] float high() const noexcept { return static_cast<float>(high_); }
  /// A rectifier with a ceiling: negative inputs give 0.
  [[nodiscard]] bool rectifies() const noexcept { return low_ == 0.0; }

 private:
  double low_, high_;
};

}  // namespace cutaway
