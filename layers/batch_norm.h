#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Batch normalisation over channels (Ioffe & Szegedy 2015). Parameters: gamma, beta, mean,
/// variance (the last two are running estimates, not trained). Evaluation uses the running
/// estimates; training uses the batch's own and moves the running ones: r <- (1 - momentum) r +
/// momentum * batch (variance unbiased).
class BatchNorm final : public Layer {
 public:
  explicit BatchNorm(double eps = 1e-5, double momentum = 0.1);
  explicit BatchNorm(const Attributes& a)
      : BatchNorm(a.number("eps", 1e-5), a.number("momentum", 0.1)) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kBatchNorm; }
  [[nodiscard]] std::string_view type() const noexcept override { return "batch_norm"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] std::vector<ParameterSpec> parameters(std::span<const Shape> in) const override;
  /// Six vectors of C floats: mean and variance of the batch, scale, shift, and two for the
  /// gradient.
  [[nodiscard]] std::optional<AuxSpec> aux(std::span<const Shape> in, bool training) const override;
  [[nodiscard]] std::unique_ptr<Prepared> prepare(const PrepareContext& c) const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::unique_ptr<Prepared> prepare_vjp(const PrepareContext& c) const override;
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepAux; }
  [[nodiscard]] std::uint8_t parameter_gradient_keeps() const noexcept override {
    return kKeepInput | kKeepAux;
  }
  void vjp(const BackCall& call) const override;
  /// In evaluation: y_c = w_c x_c + b_c; the weights are the folded scales, one a channel.
  [[nodiscard]] std::unique_ptr<LinearMap> linear_map(const LinearGeometry& g) const override;
  [[nodiscard]] double eps() const noexcept { return eps_; }

 private:
  double eps_, momentum_;
};

}  // namespace cutaway
