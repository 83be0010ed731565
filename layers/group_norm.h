#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Normalisation of every image over groups of neighbouring channels and all places (Wu & He 2018),
/// in training and evaluation alike: y = gamma_c (x - mean_g) / sqrt(var_g + eps) + beta_c, with
/// the biased variance. groups 0 means as many as channels: instance normalisation (Ulyanov et al.
/// 2016). groups 1 normalises the whole image. Parameters, unless `affine` is false: gamma and
/// beta, 1 x C x 1 x 1.
class GroupNorm final : public Layer {
 public:
  /// Throws kInput unless 0 <= groups and 0 < eps < 1.
  explicit GroupNorm(std::int64_t groups, double eps = 1e-5, bool affine = true);
  explicit GroupNorm(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kGroupNorm; }
  [[nodiscard]] std::string_view type() const noexcept override { return "group_norm"; }
  [[nodiscard]] Attributes attributes() const override;
  /// Throws kShape when the channels are no multiple of the groups.
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] std::vector<ParameterSpec> parameters(std::span<const Shape> in) const override;
  /// Mean and 1 / sqrt(var + eps) of every group of every image.
  [[nodiscard]] std::optional<AuxSpec> aux(std::span<const Shape> in, bool training) const override;
  [[nodiscard]] Window window() const override;
  [[nodiscard]] bool in_place() const override { return true; }
  [[nodiscard]] std::unique_ptr<Prepared> prepare(const PrepareContext& c) const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepInput | kKeepAux; }
  [[nodiscard]] bool vjp_in_place() const override { return true; }
  [[nodiscard]] std::unique_ptr<Prepared> prepare_vjp(const PrepareContext& c) const override;
  void vjp(const BackCall& call) const override;

 private:
  [[nodiscard]] std::int64_t groups_of(std::int64_t channels) const noexcept {
    return groups_ == 0 ? channels : groups_;
  }

  std::int64_t groups_;
  double eps_;
  bool affine_;
};

}  // namespace cutaway
