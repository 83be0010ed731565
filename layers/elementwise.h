#pragma once

#include <string>
#include <vector>

#include "kernels/broadcast.h"
#include "layers/layer.h"

namespace cutaway {

/// y = x0 op x1 with broadcasting: add, subtract, multiply, divide, maximum, minimum. Along
/// channels, rows and columns an extent of 1 stands for every place of the other input's: the gate
/// of a squeeze-and-excitation block, N x C x 1 x 1, times maps, N x C x H x W. Images are not
/// broadcast. Equal shapes of a sum are better served by Add.
///
/// With a constant there is one input, and the other operand is a parameter of 1 x c x h x w
/// ("constant", never trained), the second operand or, `reversed`, the first: x / 255, 1 - x, a
/// scale for every channel.
class Elementwise final : public Layer {
 public:
  /// Two inputs.
  explicit Elementwise(kernels::BinaryOp operation);
  /// One input and a constant of shape 1 x c x h x w (n must be 1; throws kInput).
  Elementwise(kernels::BinaryOp operation, const Shape& constant, bool reversed = false);
  /// `operation` (a name of elementwise_names()), `constant`, `channels`, `height`, `width`,
  /// `reversed`.
  explicit Elementwise(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kElementwise; }
  [[nodiscard]] std::string_view type() const noexcept override { return "elementwise"; }
  [[nodiscard]] Attributes attributes() const override;
  /// Throws kShape when extents differ and neither is 1, or the images are not equally many.
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] std::vector<ParameterSpec> parameters(std::span<const Shape> in) const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override {
    return is_linear() ? kKeepNothing : kKeepInput;
  }
  void vjp(const BackCall& call) const override;

  [[nodiscard]] kernels::BinaryOp operation() const noexcept { return operation_; }
  [[nodiscard]] bool has_constant() const noexcept { return has_constant_; }
  [[nodiscard]] bool reversed() const noexcept { return reversed_; }
  /// The constant depends on row or column, so that the layer does not commute with a shift.
  [[nodiscard]] bool depends_on_place() const noexcept {
    return has_constant_ && constant_.plane() > 1;
  }
  /// A sum or a difference.
  [[nodiscard]] bool is_linear() const noexcept {
    return operation_ == kernels::BinaryOp::kAdd || operation_ == kernels::BinaryOp::kSubtract;
  }

 private:
  kernels::BinaryOp operation_;
  bool has_constant_{false}, reversed_{false};
  Shape constant_{};
};

/// add, subtract, multiply, divide, maximum, minimum: in the order of kernels::BinaryOp.
[[nodiscard]] std::vector<std::string> elementwise_names();

}  // namespace cutaway
