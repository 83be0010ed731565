#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/training/losses/loss.h"
#include "runtime/tensor.h"

namespace cutaway {

/// A share for mixup, from Beta(alpha, alpha): of (seed, step) alone. alpha > 0.
[[nodiscard]] float mixup_share(float alpha, std::uint64_t seed, std::uint64_t step);

/// The labels of a batch that has been mixed; BatchLabels refers to it.
struct MixedLabels {
  std::vector<std::int32_t> other;
  std::vector<float> share;
};

/// Mixup (Zhang et al. 2018): x_i <- (1 - s) x_i + s x_j, in place, with one share s for the batch
/// and partners j in an order drawn from (seed, step).
[[nodiscard]] MixedLabels mix_batch(Tensor& images,
                                    std::span<const std::int32_t> labels,
                                    float alpha,
                                    std::uint64_t seed,
                                    std::uint64_t step);

/// Cutout (DeVries & Taylor 2017): sets a square of `side` pixels of every image to 0 (the mean,
/// where the preprocessing subtracts it). Its centre is anywhere in the image, so that part of it
/// may lie outside.
void cut_out(Tensor& images, std::int64_t side, std::uint64_t seed, std::uint64_t step);

}  // namespace cutaway
