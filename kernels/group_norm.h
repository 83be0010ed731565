#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/run.h"
#include "runtime/layout.h"

/// Normalisations within one image, the same in training and evaluation. Variances are biased.
/// Padding lanes of outputs become 0; outputs may alias inputs. gamma and beta are arrays of C
/// floats; null means 1 and 0. Sums are taken in float64 in a fixed order, so that neither the
/// device nor the number of threads shows in the bits.
namespace cutaway::kernels {

/// Statistics of the groups of x: mean and 1 / sqrt(variance + eps) over C / groups channels and
/// all places, at [n * groups + g]. groups = C is instance normalisation, groups = 1 normalises an
/// image as a whole. scratch: channel_pairs_bytes(x), on the device, aligned to 8.
struct GroupMoments {
  View<const float> x;
  std::int64_t groups;
  float eps;
  float *mean, *scale;
  double* scratch;
};
CUTAWAY_KERNEL(GroupMoments);

/// Bytes for two sums of every channel of every image.
[[nodiscard]] constexpr std::size_t channel_pairs_bytes(const View<const float>& v) {
  return static_cast<std::size_t>(2 * v.shape.n * v.shape.c) * sizeof(double);
}

/// y = gamma_c (x - mean_g) scale_g + beta_c (Wu & He 2018).
struct GroupNorm {
  View<const float> x;
  View<float> y;
  std::int64_t groups;
  const float *mean, *scale, *gamma, *beta;
};
CUTAWAY_KERNEL(GroupNorm);

/// The gradient of GroupNorm after GroupMoments, with xhat = (x - mean_g) scale_g and u = gamma_c
/// dy:
///   dx = scale_g (u - mean_g(u) - xhat mean_g(u xhat)),
///   dgamma_c = sum of dy xhat, dbeta_c = sum of dy over images and places; null: not wanted.
/// dx without data is not wanted. scratch: channel_pairs_bytes(dy) + 2 n groups doubles.
struct GroupNormBackward {
  View<const float> x, dy;
  View<float> dx;
  std::int64_t groups;
  const float *mean, *scale, *gamma;
  float *dgamma, *dbeta;
  double* scratch;
};
CUTAWAY_KERNEL(GroupNormBackward);
[[nodiscard]] constexpr std::size_t group_norm_backward_bytes(const View<const float>& dy,
                                                              std::int64_t groups) {
  return channel_pairs_bytes(dy) +
         static_cast<std::size_t>(2 * dy.shape.n * groups) * sizeof(double);
}

/// Layer normalisation over the channels of every place (Ba et al. 2016, as ConvNeXt has it):
///   y = gamma_c (x - mean) / sqrt(variance + eps) + beta_c,  moments over c at (n, h, w).
struct LayerNorm {
  View<const float> x;
  View<float> y;
  const float *gamma, *beta;
  float eps;
};
CUTAWAY_KERNEL(LayerNorm);

/// The gradient of LayerNorm: dx as for GroupNorm, with moments over the channels of a place. When
/// `xhat` has data it receives the normalised input, of which gradients of gamma are made
/// (ChannelSums of dy and xhat). dx without data is not wanted.
struct LayerNormBackward {
  View<const float> x, dy;
  View<float> dx, xhat;
  const float* gamma;
  float eps;
};
CUTAWAY_KERNEL(LayerNormBackward);

}  // namespace cutaway::kernels
