#pragma once

#include "kernels/conv.h"
#include "layers/layer.h"

namespace cutaway {

/// Transposed convolution (Zeiler et al. 2010): the adjoint of a convolution from y to x, plus a
/// bias. An output extent is (extent - 1) stride - 2 pad + dilation (kernel - 1) + 1 + extra, where
/// extra, below the stride, is what a strided convolution rounds away (PyTorch's output_padding).
/// Runs on the convolution engines, as their backward pass. Parameters: weight, C x channels/groups
/// x kh x kw (PyTorch's and ONNX's order: inputs first), bias 1 x channels x 1 x 1.
class ConvTranspose final : public Layer {
 public:
  /// Throws kInput for impossible numbers.
  ConvTranspose(std::int64_t channels,
                const kernels::ConvGeometry& g,
                std::int64_t extra_h,
                std::int64_t extra_w,
                bool bias = true);
  explicit ConvTranspose(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kConvTranspose; }
  [[nodiscard]] std::string_view type() const noexcept override { return "conv_transpose"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] std::vector<ParameterSpec> parameters(std::span<const Shape> in) const override;
  /// A unit sees ceil(kernel / stride) places along an axis; where they lie is no window with a
  /// whole stride, so it counts as the whole plane.
  [[nodiscard]] Window window() const override;
  [[nodiscard]] std::int64_t macs(std::span<const Shape> in) const override;
  [[nodiscard]] std::unique_ptr<Prepared> prepare(const PrepareContext& c) const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t parameter_gradient_keeps() const noexcept override {
    return kKeepInput;
  }
  [[nodiscard]] std::unique_ptr<Prepared> prepare_vjp(const PrepareContext& c) const override;
  void vjp(const BackCall& call) const override;
  [[nodiscard]] std::unique_ptr<LinearMap> linear_map(const LinearGeometry& g) const override;

 private:
  std::int64_t channels_;
  kernels::ConvGeometry g_;
  std::int64_t extra_h_, extra_w_;
  bool bias_;
};

}  // namespace cutaway
