#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "kernels/conv_geometry.h"
#include "kernels/conv_weights.h"

/// The implicit matrix products that convolutions on channels-last tensors are, as plain data: what
/// the tiled kernels (conv_implicit_gemm.cuh) are launched with. No CUDA here.
namespace cutaway::kernels {

/// Strides of a channels-last map, whose channels are neighbours.
template <class T>
struct PixelMap {
  T* data{};
  std::int64_t n{}, h{}, w{};

  PixelMap() = default;
  template <class U>
  explicit PixelMap(const View<U>& v) : data(v.data), n(v.stride_n), h(v.stride_h), w(v.stride_w) {}

  [[nodiscard]] CUTAWAY_HD constexpr T* at(std::int64_t n_,
                                           std::int64_t h_,
                                           std::int64_t w_) const {
    return data + n_ * n + h_ * h + w_ * w;
  }
  /// Whether every fourth channel stands on 16 bytes.
  [[nodiscard]] bool aligned() const {
    return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && n % 4 == 0 && h % 4 == 0 &&
           w % 4 == 0;
  }
};

/// Forward and backward data: out (rows x columns) = gathered in (rows x depth) * matrix (depth x
/// columns). Rows are the pixels of `out`, columns the channels of a group, depth = (tap, source
/// channel).
struct RowsGemm {
  PixelMap<const float> in;
  PixelMap<float> out;
  const float* matrix{};  ///< WeightMatrix, 16-byte aligned
  const float* bias{};    ///< of all groups, or null
  PixelGrid pixels;       ///< of out
  ConvAxis h, w;
  DepthMap depth_map;
  std::int32_t rows{}, columns{}, depth{}, ld{};
  std::int32_t groups{};
  std::int32_t in_channels{};  ///< of a group
  std::int32_t out_lanes{};    ///< of the whole tensor
  bool relu{}, vector_store{};
};

/// Backward weights: partial[split][o][k] = sum over the split's pixels of dy[pixel][o] * gathered
/// x[pixel][k].
struct WeightsGemm {
  PixelMap<const float> x, dy;
  float* partial{};
  PixelGrid pixels;  ///< of dy
  ConvAxis h, w;
  DepthMap depth_map;
  /// Of one group, but for `groups`; columns = taps * in_channels.
  std::int32_t outputs{}, columns{}, groups{}, in_channels{};
  std::int32_t pixel_count{}, split_pixels{};
};

/// One convolution as an implicit matrix product: sizes, memory, and the arguments of the kernels.
class ImplicitGemm {
 public:
  /// The reason why this engine does not take `p`, or empty.
  [[nodiscard]] static std::string refuse(const ConvProblem& p) {
    if (p.x_layout.block < p.x.c || p.y_layout.block < p.y.c) return "needs channels-last tensors";
    if (p.g.groups > 1 && p.x.c == p.g.groups && p.y.c == p.g.groups) {
      return "depthwise: no matrix product in it";
    }
    constexpr std::int64_t kLimit = std::int64_t{1} << 28;
    const std::int64_t taps = std::int64_t{p.g.kernel_h} * p.g.kernel_w;
    const std::int64_t reach =
        std::max({p.x.h + 2 * std::int64_t{p.g.pad_h}, p.x.w + 2 * std::int64_t{p.g.pad_w}});
    if (p.x.n * p.x.plane() >= kLimit || p.y.n * p.y.plane() >= kLimit || reach >= kLimit ||
        taps * std::max(p.x.c, p.y.c) >= kLimit || p.g.groups > 65535 / kMostSplits) {
      return "too many pixels or channels for 32-bit rows";
    }
    return {};
  }

  explicit ImplicitGemm(const ConvProblem& p)
      : p_(p),
        inputs_(p.x.c / p.g.groups),
        outputs_(p.y.c / p.g.groups),
        taps_(std::int64_t{p.g.kernel_h} * p.g.kernel_w) {
    if (p.pass == ConvPass::kBackwardWeights) {
      const std::int64_t pixels = p.y.n * p.y.plane();
      const std::int64_t tiles =
          ceil_div(outputs_, 64) * ceil_div(taps_ * inputs_, 64) * p.g.groups;
      // From the geometry alone, never from the device: the order of summation is part of the
      // result.
      const std::int64_t wanted = std::clamp<std::int64_t>(512 / tiles, 1, kMostSplits);
      split_pixels_ = round_up(ceil_div(pixels, std::min(wanted, ceil_div(pixels, 256))), 16);
      splits_ = ceil_div(pixels, split_pixels_);
    }
  }

  [[nodiscard]] bool backward_data() const { return p_.pass == ConvPass::kBackwardData; }
  [[nodiscard]] bool strided() const {
    return backward_data() && (p_.g.stride_h > 1 || p_.g.stride_w > 1);
  }
  /// Columns of the weight matrix of a group, and its row stride.
  [[nodiscard]] std::int64_t columns() const { return backward_data() ? inputs_ : outputs_; }
  [[nodiscard]] std::int64_t ld() const { return round_up(columns(), 4); }
  [[nodiscard]] std::int64_t splits() const { return splits_; }

  [[nodiscard]] WeightMatrix weight_matrix(const float* w, float* m) const {
    return {w,           m,    outputs_,       inputs_, p_.g.kernel_h, p_.g.kernel_w,
            p_.g.groups, ld(), backward_data()};
  }
  /// Memory of the weight matrices, or of the partial sums of backward weights.
  [[nodiscard]] std::size_t matrix_bytes() const {
    return static_cast<std::size_t>(weight_matrix(nullptr, nullptr).count()) * sizeof(float);
  }
  [[nodiscard]] std::size_t partial_bytes() const {
    return static_cast<std::size_t>(splits_ * p_.y.c * taps_ * inputs_) * sizeof(float);
  }
  [[nodiscard]] SumSplits sum_splits(const float* partial, float* dw) const {
    return {partial, dw, p_.y.c, inputs_, taps_, splits_};
  }

  [[nodiscard]] RowsGemm rows(const ConvArguments& a, const float* matrix) const {
    RowsGemm g;
    g.in = PixelMap<const float>(a.in);
    g.out = PixelMap<float>(a.out);
    g.matrix = matrix;
    g.bias = p_.bias ? a.bias : nullptr;
    g.pixels = PixelGrid(a.out.shape);
    g.h = axis(p_.g.stride_h, p_.g.pad_h, p_.g.dilation_h, a.in.shape.h);
    g.w = axis(p_.g.stride_w, p_.g.pad_w, p_.g.dilation_w, a.in.shape.w);
    const std::int64_t source = backward_data() ? outputs_ : inputs_;
    g.depth_map = DepthMap(source, p_.g.kernel_w);
    g.rows = narrow(a.out.shape.n * a.out.shape.plane());
    g.columns = narrow(columns());
    g.depth = narrow(taps_ * source);
    g.ld = narrow(ld());
    g.groups = p_.g.groups;
    g.in_channels = narrow(source);
    g.out_lanes = narrow(a.out.lanes());
    g.relu = p_.relu;
    g.vector_store = g.out.aligned() && (g.groups == 1 || columns() % 4 == 0);
    return g;
  }

  [[nodiscard]] WeightsGemm weights(const ConvArguments& a, float* partial) const {
    WeightsGemm g;
    g.x = PixelMap<const float>(a.in);
    g.dy = PixelMap<const float>(a.in2);
    g.partial = partial;
    g.pixels = PixelGrid(a.in2.shape);
    g.h = ConvAxis::forward(p_.g.stride_h, p_.g.pad_h, p_.g.dilation_h, a.in.shape.h);
    g.w = ConvAxis::forward(p_.g.stride_w, p_.g.pad_w, p_.g.dilation_w, a.in.shape.w);
    g.depth_map = DepthMap(inputs_, p_.g.kernel_w);
    g.outputs = narrow(outputs_);
    g.columns = narrow(taps_ * inputs_);
    g.groups = p_.g.groups;
    g.in_channels = narrow(inputs_);
    g.pixel_count = narrow(a.in2.shape.n * a.in2.shape.plane());
    g.split_pixels = narrow(split_pixels_);
    return g;
  }

  /// Whether four channels can be read at once.
  [[nodiscard]] static bool vector_loads(const RowsGemm& g) {
    return g.in.aligned() && g.in_channels % 4 == 0;
  }
  [[nodiscard]] static bool vector_loads(const WeightsGemm& g) {
    return g.x.aligned() && g.dy.aligned() && g.in_channels % 4 == 0 && g.outputs % 4 == 0;
  }

 private:
  static constexpr std::int64_t kMostSplits = 32;

  [[nodiscard]] static std::int32_t narrow(std::int64_t v) { return static_cast<std::int32_t>(v); }
  [[nodiscard]] ConvAxis axis(std::int64_t stride,
                              std::int64_t pad,
                              std::int64_t dilation,
                              std::int64_t extent) const {
    return backward_data() ? ConvAxis::backward(stride, pad, dilation, extent)
                           : ConvAxis::forward(stride, pad, dilation, extent);
  }

  ConvProblem p_;
  std::int64_t inputs_, outputs_, taps_;  // of a group
  std::int64_t split_pixels_{0}, splits_{0};
};

}  // namespace cutaway::kernels
