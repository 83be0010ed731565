#pragma once

#include <span>
#include <vector>

#include "kernels/image.h"
#include "runtime/tensor.h"

/// Small arithmetic on plain CPU tensors: what methods compose their maps from.
namespace cutaway::explain {

/// n x 1 x h x w: a reduction over channels.
[[nodiscard]] Tensor reduce_channels(const Tensor& x, kernels::ChannelReduction reduction);
/// n x C x 1 x 1: the mean of every map (double accumulation).
[[nodiscard]] Tensor plane_means(const Tensor& x);
/// n x 1 x h x w: sum over channels of weight[n, c] * x[n, c], clamped at 0 if `relu`. `weights`
/// holds n rows of c values.
[[nodiscard]] Tensor weighted_sum(const Tensor& x, std::span<const float> weights, bool relu);
/// n x rows x h x w: every row of `weights` (rows x C) applied to the channels of every pixel; the
/// class maps of all classes at once (Zhou et al. 2016, eq. 2) as one matrix product an image.
[[nodiscard]] Tensor weighted_sums(const Tensor& x,
                                   std::span<const float> weights,
                                   int threads = 0);
/// x * y elementwise; a one-channel y is broadcast over the channels of x.
[[nodiscard]] Tensor multiply(const Tensor& x, const Tensor& y);
/// Bilinear with half-pixel centres (PyTorch align_corners=false).
[[nodiscard]] Tensor upsample(const Tensor& x, std::int64_t height, std::int64_t width);

/// The first maximum of one map, in row-major order. NaN counts as the maximum.
struct Peak {
  float value;
  std::int64_t row, column;
};
[[nodiscard]] Peak peak(const Tensor& x, std::int64_t image, std::int64_t channel);
/// The channel whose maximum is greatest (first on ties).
[[nodiscard]] std::int64_t strongest_channel(const Tensor& x, std::int64_t image);
/// The channel of the greatest value of an n x C x 1 x 1 tensor (first on ties).
[[nodiscard]] std::int64_t arg_max(const Tensor& x, std::int64_t image);

}  // namespace cutaway::explain
