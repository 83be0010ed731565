#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/compare/distance.h"
#include "runtime/tensor.h"

namespace cutaway::explain {

/// Why two pictures are near or far: what each entry of their vectors adds.
/// kCosine, kUnitEuclidean: the summands of the cosine, a_k b_k / (|a| |b|); they sum to it.
/// kEuclidean, kSquaredEuclidean: the summands (a_k - b_k)^2 of the squared distance.
/// Throws kUsage for a distance between maps, kShape when the lengths differ.
[[nodiscard]] std::vector<double> contributions(std::span<const float> a,
                                                std::span<const float> b,
                                                DistanceKind distance);

/// Indices of the `count` largest values, the first on ties.
[[nodiscard]] std::vector<std::int64_t> largest(std::span<const double> values, std::int64_t count);

/// Where in the first picture its likeness to the second lies: the cosine of the two vectors of map
/// means shared out over the first picture's positions, s_p = sum_k A_k(p) b_k / (|a| |b|), so that
/// the mean of s is the cosine (after Stylianou et al. 2019, eq. 5). Maps are 1 x c x h x w, plain,
/// on the CPU; the result is 1 x 1 x h x w. Zero where one of the pictures has only zeros. Throws
/// kShape when the numbers of maps differ.
[[nodiscard]] Tensor likeness_map(const Tensor& a, const Tensor& b);

/// What a network sees in both pictures, and what in the first alone. With map means a_k, b_k of
/// non-negative maps, map k's share min(a_k, b_k) / a_k goes to `shared` and the rest to `alone`,
/// so that their sum is the sum of the maps at every position, and the mean of `shared` is sum_k
/// min(a_k, b_k), the same in both pictures. Negative values of maps count as 0.
struct PairEvidence {
  Tensor shared, alone;  ///< 1 x 1 x h x w
  /// sum_k min(a_k, b_k) / sum_k max(a_k, b_k), the weighted Jaccard index, in [0, 1].
  double overlap{0};
};
[[nodiscard]] PairEvidence pair_evidence(const Tensor& a, const Tensor& b);

}  // namespace cutaway::explain
