#pragma once

#include <string>
#include <vector>

#include "kernels/activation.h"
#include "layers/layer.h"

namespace cutaway {

/// y = f(x), element by element: one layer for every activation function that has no parameters and
/// is no ReLU, leaky ReLU or clip (formulas: kernels::Activation). Attributes: `function`, one of
/// activation_names(), and the numbers of those that have some, with the defaults
///   hard_sigmoid  alpha 0.2, beta 0.5 (ONNX; PyTorch and Keras 3 have alpha = 1/6)
///   silu          alpha 1
///   elu           alpha 1, beta 1 (beta scales the whole: SELU is alpha 1.67326, beta 1.0507)
///   softplus      alpha 1 (the steepness; PyTorch calls it beta)
class ActivationLayer final : public Layer {
 public:
  /// Throws kInput unless the numbers are finite and, where used, alpha > 0 and (elu) beta > 0.
  ActivationLayer(kernels::Activation function, double alpha, double beta);
  explicit ActivationLayer(kernels::Activation function);
  explicit ActivationLayer(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kActivation; }
  [[nodiscard]] std::string_view type() const noexcept override { return "activation"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] bool in_place() const override { return true; }
  void forward(const Call& call) const override;
  /// Most of these functions are not monotonic or not easily inverted: the gradient reads the
  /// input.
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepInput; }
  [[nodiscard]] bool vjp_in_place() const override { return true; }
  void vjp(const BackCall& call) const override;

  [[nodiscard]] kernels::ActivationFunction function() const noexcept;
  /// Name of the function: "sigmoid".
  [[nodiscard]] const char* function_name() const noexcept;
  /// It maps onto a bounded interval around a threshold, so that it opens and shuts a gate:
  /// sigmoid, hard_sigmoid, tanh, softsign, erf. The others are smooth rectifiers.
  [[nodiscard]] bool squashes() const noexcept;
  /// f(x) >= 0 for every x.
  [[nodiscard]] bool never_negative() const noexcept;

 private:
  kernels::Activation function_;
  double alpha_, beta_;
};

/// Names of all functions, in the order of kernels::Activation.
[[nodiscard]] std::vector<std::string> activation_names();

}  // namespace cutaway
