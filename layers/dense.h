#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Fully connected: y = W x + b. Parameters: weight O x I x 1 x 1, bias O. Takes n x I x 1 x 1.
class Dense final : public Layer {
 public:
  explicit Dense(std::int64_t features, bool bias = true);
  explicit Dense(const Attributes& a)
      : Dense(a.integer("features", 1, 1 << 24), a.flag("bias", true)) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kDense; }
  [[nodiscard]] std::string_view type() const noexcept override { return "dense"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] std::vector<ParameterSpec> parameters(std::span<const Shape> in) const override;
  [[nodiscard]] Window window() const override;
  [[nodiscard]] std::int64_t macs(std::span<const Shape> in) const override;
  [[nodiscard]] bool fuses_relu() const override { return true; }
  [[nodiscard]] std::unique_ptr<Prepared> prepare(const PrepareContext& c) const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t parameter_gradient_keeps() const noexcept override {
    return kKeepInput;
  }
  [[nodiscard]] std::unique_ptr<Prepared> prepare_vjp(const PrepareContext& c) const override;
  void vjp(const BackCall& call) const override;
  [[nodiscard]] std::unique_ptr<LinearMap> linear_map(const LinearGeometry& g) const override;
  [[nodiscard]] bool has_bias() const noexcept { return bias_; }

 private:
  std::int64_t features_;
  bool bias_;
};

}  // namespace cutaway
