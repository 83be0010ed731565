#pragma once

#include "kernels/rearrange.h"
#include "layers/layer.h"

namespace cutaway {

/// A part of one axis: `count` places from `start` on, every `step`-th; count 0: all there are.
struct SliceRange {
  std::int64_t start{0}, count{0}, step{1};
};

/// y[n,c,h,w] = x[n, c0 + sc c, h0 + sh h, w0 + sw w]: a part of the channels, rows and columns. A
/// split is one Slice for every part. Attributes: {channel,row,column}_{start,count,step}.
class Slice final : public Layer {
 public:
  /// Throws kInput unless start >= 0, count >= 0 and step >= 1.
  Slice(const SliceRange& channels, const SliceRange& rows, const SliceRange& columns);
  explicit Slice(const Attributes& a);
  [[nodiscard]] LayerKind kind() const noexcept override { return LayerKind::kSlice; }
  [[nodiscard]] std::string_view type() const noexcept override { return "slice"; }
  [[nodiscard]] Attributes attributes() const override;
  /// Throws kShape when a range reaches beyond the input or holds nothing.
  [[nodiscard]] Shape infer(std::span<const Shape> in) const override;
  /// Stride the step, padding minus the start.
  [[nodiscard]] Window window() const override;
  void forward(const Call& call) const override;
  void vjp(const BackCall& call) const override;

 private:
  SliceRange channels_, rows_, columns_;
};

}  // namespace cutaway
