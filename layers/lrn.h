#pragma once

#include "kernels/norm.h"
#include "layers/layer.h"

namespace cutaway {

/// Local response normalisation across channels (Krizhevsky et al. 2012; Caffe's form, see
/// kernels::Lrn).
class Lrn final : public Layer {
 public:
  /// size odd, 1 to 255; throws kInput otherwise.
  explicit Lrn(const kernels::LrnParameters& p = {});
  explicit Lrn(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kLrn; }
  [[nodiscard]] std::string_view type() const noexcept override { return "lrn"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepInput; }
  void vjp(const BackCall& call) const override;

 private:
  kernels::LrnParameters p_;
};

}  // namespace cutaway
