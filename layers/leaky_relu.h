#pragma once

#include "layers/layer.h"

namespace cutaway {

/// y = x where x > 0, slope * x elsewhere (Maas et al. 2013).
class LeakyRelu final : public Layer {
 public:
  /// 0 < slope <= 1; throws kInput otherwise. (Slope 0 is Relu.)
  explicit LeakyRelu(double slope);
  explicit LeakyRelu(const Attributes& a) : LeakyRelu(a.number("slope", 0.01)) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kLeakyRelu; }
  [[nodiscard]] std::string_view type() const noexcept override { return "leaky_relu"; }
  [[nodiscard]] Attributes attributes() const override { return {{"slope", slope_}}; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] bool in_place() const override { return true; }
  void forward(const Call& call) const override;
  /// The output has the input's sign, so it may run in place.
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepOutput; }
  [[nodiscard]] bool vjp_in_place() const override { return true; }
  void vjp(const BackCall& call) const override;

  [[nodiscard]] float slope() const noexcept { return static_cast<float>(slope_); }

 private:
  double slope_;
};

}  // namespace cutaway
