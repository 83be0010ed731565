#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/tensor.h"

namespace cutaway::explain {

/// Softmax of row n of n x C x 1 x 1 scores, in double.
[[nodiscard]] std::vector<double> probabilities(const Tensor& scores, std::int64_t n);
/// Indices of the k greatest, greatest first; ties by index.
[[nodiscard]] std::vector<std::int64_t> top(std::span<const double> values, std::size_t k);

}  // namespace cutaway::explain
