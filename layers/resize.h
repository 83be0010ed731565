#pragma once

#include <string>

#include "kernels/resize.h"
#include "layers/layer.h"

namespace cutaway {

/// Interpolation to another number of rows and columns, as ONNX's Resize defines it. Either scales,
/// and the output has floor(extent * scale) rows or columns, or sizes (scale 0: their ratio).
/// Attributes:
///   interpolation  linear | nearest (halves down) | nearest_ceil (halves up) | floor | ceil
///   coordinates    half_pixel | pytorch_half_pixel | half_pixel_symmetric | asymmetric |
///                  align_corners
///   scale_h, scale_w, height, width (0: by the scale)
/// PyTorch's bilinear is linear with half_pixel (align_corners=False) or align_corners; its nearest
/// is floor with asymmetric; nearest-exact is nearest with half_pixel.
class ResizeLayer final : public Layer {
 public:
  enum class Coordinates : std::uint8_t {
    kHalfPixel,
    kPytorchHalfPixel,
    kHalfPixelSymmetric,
    kAsymmetric,
    kAlignCorners
  };
  struct Target {
    double scale_h{0.0}, scale_w{0.0};  ///< 0: as the sizes say
    std::int64_t height{0}, width{0};   ///< 0: as the scales say
  };

  /// Throws kInput unless each axis has a scale in (0, 1024], a size, or both.
  ResizeLayer(const Target& target, kernels::Interpolation interpolation, Coordinates coordinates);
  explicit ResizeLayer(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kResize; }
  [[nodiscard]] std::string_view type() const noexcept override { return "resize"; }
  [[nodiscard]] Attributes attributes() const override;
  /// Throws kShape when nothing would be left of a plane.
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  /// A unit may see the whole plane: which part it does see depends on the extents.
  [[nodiscard]] Window window() const override;
  void forward(const Call& call) const override;
  void vjp(const BackCall& call) const override;

 private:
  [[nodiscard]] kernels::ResizeAxis axis(std::int64_t in, std::int64_t out, double scale) const;

  Target target_;
  kernels::Interpolation interpolation_;
  Coordinates coordinates_;
};

}  // namespace cutaway
