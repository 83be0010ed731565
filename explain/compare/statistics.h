#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/compare/distance.h"

namespace cutaway::explain {

/// What the distances of labelled pictures say about "these two show the same class". Pairs with an
/// undefined distance (NaN) are counted and left out. Ratios whose denominator is 0, and all of it
/// where one sort of pair is missing, are NaN.
struct PairStatistics {
  std::int64_t same{0}, different{0}, undefined{0};  ///< pairs
  double intra{0}, inter{0};                         ///< mean distance within and across classes
  double ratio{0};  ///< intra / inter: below 1, classes hold together
  /// Area under the ROC curve of "same class" by small distance: the share of (same, different)
  /// pairs of pairs in the right order, ties half.
  double auc{0};
  /// The distance t at which "same class if d <= t" errs equally often on both sorts: among the
  /// distances that occur the one with the least difference of the two error rates, the least such.
  double threshold{0};
  double equal_error{0};  ///< mean of the two error rates there
  double accuracy{0};     ///< share of all pairs decided rightly there
};
/// `labels`: one a picture. Throws kShape when their number differs from the matrix's.
[[nodiscard]] PairStatistics pair_statistics(const DistanceMatrix& distances,
                                             std::span<const std::int64_t> labels);

/// Mean silhouette (Rousseeuw 1987): (b - a) / max(a, b) with a the mean distance to the picture's
/// own class and b the least mean distance to another; 0 for a picture alone in its class, and
/// where both are 0. NaN when there are fewer than two classes or a distance is undefined.
[[nodiscard]] double silhouette(const DistanceMatrix& distances,
                                std::span<const std::int64_t> labels);

/// Leave-one-out retrieval: every picture asks all others. Equal distances stand in the order of
/// the pictures, undefined ones last. Pictures alone in their class do not ask.
struct Retrieval {
  std::int64_t queries{0};
  std::vector<double> recall;  ///< for every k asked for: share of queries with one of its class
                               ///< among the k nearest
  double mean_average_precision{0};
};
[[nodiscard]] Retrieval retrieval(const DistanceMatrix& distances,
                                  std::span<const std::int64_t> labels,
                                  std::span<const std::int64_t> ks);

/// Correlation of two distances over all pairs that both define: whether a layer knows more than
/// the pixels do. NaN when one of them is constant.
struct DistanceCorrelation {
  double pearson{0}, spearman{0};
};
[[nodiscard]] DistanceCorrelation correlate(const DistanceMatrix& a, const DistanceMatrix& b);

/// One picture near another.
struct Neighbor {
  std::int64_t index{0};
  double distance{0};
};
/// The k nearest of picture `query`, itself left out; the first on ties.
[[nodiscard]] std::vector<Neighbor> nearest(const DistanceMatrix& distances,
                                            std::int64_t query,
                                            std::int64_t k);

/// Two pictures and their distance; first < second.
struct PicturePair {
  std::int64_t first{0}, second{0};
  double distance{0};
};
/// The pairs across classes that are nearest, and the pairs within one that are farthest: where a
/// distance errs most. At most `count` each, the most striking first.
struct StrikingPairs {
  std::vector<PicturePair> alike_across, unlike_within;
};
[[nodiscard]] StrikingPairs striking_pairs(const DistanceMatrix& distances,
                                           std::span<const std::int64_t> labels,
                                           std::int64_t count);

}  // namespace cutaway::explain
