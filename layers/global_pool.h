#pragma once

#include "layers/layer.h"

namespace cutaway {

/// Mean over the plane: n x c x h x w -> n x c x 1 x 1.
class GlobalAveragePool final : public Layer {
 public:
  GlobalAveragePool() = default;
  explicit GlobalAveragePool(const Attributes&) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kGlobalAveragePool; }
  [[nodiscard]] std::string_view type() const noexcept override { return "global_average_pool"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] Window window() const override;
  void forward(const Call& call) const override;
  void vjp(const BackCall& call) const override;
};

/// Maximum over the plane; remembers the first one.
class GlobalMaxPool final : public Layer {
 public:
  GlobalMaxPool() = default;
  explicit GlobalMaxPool(const Attributes&) {}
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kGlobalMaxPool; }
  [[nodiscard]] std::string_view type() const noexcept override { return "global_max_pool"; }
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] std::optional<AuxSpec> aux(std::span<const Shape> in, bool training) const override;
  [[nodiscard]] Window window() const override;
  void forward(const Call& call) const override;
  [[nodiscard]] std::uint8_t vjp_keeps() const noexcept override { return kKeepAux; }
  void vjp(const BackCall& call) const override;
};

}  // namespace cutaway
