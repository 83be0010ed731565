#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/run.h"
#include "runtime/layout.h"

/// Normalisations. Vectors over channels are plain arrays of at least C floats. Padding lanes of
/// outputs become 0, whatever the channels hold. Outputs may alias inputs except in Lrn and
/// LrnBackward, which read neighbouring channels.
namespace cutaway::kernels {

/// Local response normalisation across channels (Krizhevsky et al. 2012; alpha is divided by the
/// size, as Caffe does it):
///   s_c = k + alpha/size * sum of x^2 over the window clipped at both ends,
///   y_c = x_c * s_c^-beta.
struct LrnParameters {
  std::int32_t size{5};
  float alpha{1e-4f}, beta{0.75f}, k{1.0f};
};
struct Lrn {
  View<const float> x;
  View<float> y;
  LrnParameters p;
};
CUTAWAY_KERNEL(Lrn);

/// dx_c = s_c^-beta dy_c - 2 alpha beta / size * x_c * sum over the window of dy_j x_j
/// s_j^(-beta-1). x is the layer's input; dx must not alias x or dy.
struct LrnBackward {
  View<const float> x, dy;
  View<float> dx;
  LrnParameters p;
};
CUTAWAY_KERNEL(LrnBackward);

/// y_c = scale_c * x_c + shift_c; padding channels of y become 0. Batch normalisation in
/// evaluation, with scale = gamma / sqrt(var + eps), shift = beta - mean * scale. shift may be null
/// (0): the adjoint.
struct ChannelAffine {
  View<const float> x;
  View<float> y;
  const float* scale;
  const float* shift;
};
CUTAWAY_KERNEL(ChannelAffine);

/// How ChannelMoments and ChannelSums add up a channel: every image in chunks of whole rows, about
/// 512 pixels each, and then the chunks in order. The shape alone decides, so that neither the
/// device nor the number of threads shows in the bits.
struct ChannelChunks {
  std::int64_t rows, per_image;  // rows of a chunk, chunks of an image
};
[[nodiscard]] constexpr ChannelChunks channel_chunks(const Shape& s) {
  const std::int64_t rows = ceil_div(512, s.w);
  return {rows, ceil_div(s.h, rows)};
}
/// Bytes of `scratch` for ChannelSums: a double per chunk and channel (padding included).
[[nodiscard]] constexpr std::size_t channel_sums_scratch_bytes(const View<const float>& v) {
  const std::int64_t chunks = v.shape.n * channel_chunks(v.shape).per_image;
  return static_cast<std::size_t>(chunks * v.blocks() * v.lanes()) * sizeof(double);
}
/// Bytes of `scratch` for ChannelMoments: the same, and the exact means.
[[nodiscard]] constexpr std::size_t channel_moments_scratch_bytes(const View<const float>& v) {
  return channel_sums_scratch_bytes(v) +
         static_cast<std::size_t>(v.blocks() * v.lanes()) * sizeof(double);
}

/// mean_c and var_c (biased) of x over images, rows and columns; fixed summation order, double
/// inside. scratch: channel_moments_scratch_bytes(x), on the device, aligned to 8.
struct ChannelMoments {
  View<const float> x;
  float* mean;
  float* variance;
  double* scratch;
};
CUTAWAY_KERNEL(ChannelMoments);

/// sum_c = sum over n,h,w of dy (a bias gradient); sum_product_c = sum of dy * (x - center_c) when
/// `x` has data and sum_product is not null (a scale gradient); a null center counts as 0. Fixed
/// summation order, double inside. scratch: channel_sums_scratch_bytes(dy), on the device, aligned
/// to 8.
struct ChannelSums {
  View<const float> dy, x;
  const float* center;
  float* sum;
  float* sum_product;
  double* scratch;
};
CUTAWAY_KERNEL(ChannelSums);

/// Gradient of training-mode batch normalisation with respect to its input (Ioffe & Szegedy 2015):
///   dx = gamma * r * (dy - mean(dy) - xhat * mean(dy * xhat)),
///   r = 1 / sqrt(var + eps),  xhat = (x - mean) r.
/// sum_dy and sum_dy_xc are ChannelSums of dy and of dy * (x - mean).
struct BatchNormBackward {
  View<const float> x, dy;
  View<float> dx;
  const float *gamma, *mean, *variance, *sum_dy, *sum_dy_xc;
  float eps;
};
CUTAWAY_KERNEL(BatchNormBackward);

/// The per-channel arithmetic between the kernels above, on arrays of `channels` floats:
/// scale = gamma / sqrt(variance + eps), shift = beta - mean * scale.
struct BatchNormFold {
  const float *gamma, *beta, *mean, *variance;
  float *scale, *shift;
  float eps;
  std::int64_t channels;
};
CUTAWAY_KERNEL(BatchNormFold);

}  // namespace cutaway::kernels
