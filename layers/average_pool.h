#pragma once

#include "kernels/pool.h"
#include "layers/layer.h"

namespace cutaway {

/// Average pooling. count_padding chooses the divisor (see kernels::AveragePool).
class AveragePool final : public Layer {
 public:
  AveragePool(const kernels::PoolGeometry& g, bool ceil_mode, bool count_padding);
  explicit AveragePool(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kAveragePool; }
  [[nodiscard]] std::string_view type() const noexcept override { return "average_pool"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] Window window() const override;
  void forward(const Call& call) const override;
  void vjp(const BackCall& call) const override;

 private:
  kernels::PoolGeometry g_;
  bool ceil_mode_, count_padding_;
};

}  // namespace cutaway
