#pragma once

#include "kernels/image.h"
#include "layers/layer.h"

namespace cutaway {

/// Surrounds the maps with zeros or with their mirror image (reflection without repeating the
/// edge).
class Pad final : public Layer {
 public:
  Pad(std::int64_t top,
      std::int64_t bottom,
      std::int64_t left,
      std::int64_t right,
      kernels::PadMode mode);
  explicit Pad(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kPad; }
  [[nodiscard]] std::string_view type() const noexcept override { return "pad"; }
  [[nodiscard]] Attributes attributes() const override;
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  [[nodiscard]] Window window() const override;
  void forward(const Call& call) const override;
  void vjp(const BackCall& call) const override;

  [[nodiscard]] kernels::PadMode mode() const noexcept { return mode_; }

 private:
  std::int64_t top_, bottom_, left_, right_;
  kernels::PadMode mode_;
};

}  // namespace cutaway
