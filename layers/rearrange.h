#pragma once

#include <string>

#include "kernels/rearrange.h"
#include "layers/layer.h"

namespace cutaway {

/// A permutation of the values of every image: channel shuffle, depth to space and back, transposed
/// axes, other extents. Attribute `kind` and its numbers:
///   channel_shuffle  groups                    (Zhang et al. 2018)
///   depth_to_space   block, column_first       (ONNX DCR, or CRD: PyTorch's pixel_shuffle)
///   space_to_depth   block, column_first       (its inverse; pixel_unshuffle is column first)
///   transpose        order: "hwc" puts rows first, then columns, then channels
///   reshape          channels, height, width   (in NCHW order; one of them may be 0: what is left)
class Rearrange final : public Layer {
 public:
  [[nodiscard]] static Rearrange channel_shuffle(std::int64_t groups);
  [[nodiscard]] static Rearrange depth_to_space(std::int64_t block, bool column_first);
  [[nodiscard]] static Rearrange space_to_depth(std::int64_t block, bool column_first);
  [[nodiscard]] static Rearrange transpose(const std::string& order);
  [[nodiscard]] static Rearrange reshape(std::int64_t channels,
                                         std::int64_t height,
                                         std::int64_t width);
  /// All throw kInput when a number is out of range or an order is none of the six.
  explicit Rearrange(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kRearrange; }
  [[nodiscard]] std::string_view type() const noexcept override { return "rearrange"; }
  [[nodiscard]] Attributes attributes() const override { return attributes_; }
  /// Throws kShape when the extents do not divide, or an image has 2^31 elements or more.
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  /// A channel shuffle keeps every value in its place; the others move it anywhere.
  [[nodiscard]] Window window() const override;
  void forward(const Call& call) const override;
  void vjp(const BackCall& call) const override;

 private:
  [[nodiscard]] kernels::Permute inverse(const Shape& x) const;

  Attributes attributes_;
  kernels::Permutation permutation_{kernels::Permutation::kReshape};
  std::int32_t size_{1};
  bool column_first_{false};
  std::int32_t order_[3]{0, 1, 2};
  Shape extents_{1, 0, 0, 0};  // of a reshape
};

}  // namespace cutaway
