#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Softmax over channels, or its logarithm (attribute `log`).
class Softmax final : public Layer {
 public:
  explicit Softmax(bool log = false) : log_(log) {}
  explicit Softmax(const Attributes& a) : Softmax(a.flag("log", false)) {}
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kSoftmax; }
  [[nodiscard]] std::string_view type() const noexcept override { return "softmax"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepOutput; }
  void vjp(const BackCall& call) const override;

 private:
  bool log_;
};

}  // namespace cutaway
