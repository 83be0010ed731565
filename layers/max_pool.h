#pragma once

#include "kernels/pool.h"
#include "layers/layer.h"

namespace cutaway {

/// Max pooling that records its switches (one byte an output): the first maximum in row-major order
/// wins.
class MaxPool final : public Layer {
 public:
  /// Throws kInput unless kernel_h * kernel_w <= 256, strides >= 1 and pads < kernels.
  MaxPool(const kernels::PoolGeometry& g, bool ceil_mode);
  explicit MaxPool(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kMaxPool; }
  [[nodiscard]] std::string_view type() const noexcept override { return "max_pool"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] std::optional<AuxSpec> aux(std::span<const Shape> in, bool training) const override;
  [[nodiscard]] Window window() const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepAux; }
  void vjp(const BackCall& call) const override;

  [[nodiscard]] const kernels::PoolGeometry& geometry() const noexcept { return g_; }

 private:
  kernels::PoolGeometry g_;
  bool ceil_mode_;
};

/// Reads, checks and writes what max and average pooling share.
[[nodiscard]] kernels::PoolGeometry pool_geometry(const Attributes& a);
void check_pool(const kernels::PoolGeometry& g);
[[nodiscard]] Attributes pool_attributes(const kernels::PoolGeometry& g, bool ceil_mode);
[[nodiscard]] Shape pooled_shape(const Shape& x, const kernels::PoolGeometry& g, bool ceil_mode);
[[nodiscard]] Window pool_window(const kernels::PoolGeometry& g);

}  // namespace cutaway
