#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "explain/compare/feature_matrix.h"
#include "runtime/observer.h"
#include "runtime/shape.h"

namespace cutaway::explain {

/// How far two pictures are apart.
enum class DistanceKind : std::uint8_t {
  // Between vectors a, b of any representation.
  kEuclidean,         ///< |a - b|
  kSquaredEuclidean,  ///< |a - b|^2
  kUnitEuclidean,     ///< |a/|a| - b/|b|| = sqrt(2 - 2 cos); a vector of zeros stays zero
  kCosine,            ///< 1 - <a, b> / (|a| |b| + 1e-12)
  // Between maps, a picture taken as a set of Z vectors of C numbers, one a position.
  kMmdBiased,    ///< squared maximum mean discrepancy, V-statistic (Gretton et al. 2012, eq. 5)
  kMmdUnbiased,  ///< the same without the diagonals (eq. 3); may be negative
  kCka,          ///< 1 - linear CKA (Kornblith et al. 2019, eq. 3), which is the RV coefficient
                 ///< (Robert & Escoufier 1976); rows = channels, so positions may be permuted
  kAligned       ///< sum_p m_p m'_p |A_p - A'_p|^2 / sum_p m_p m'_p, for crops that are aligned
};

/// "euclidean", "squared_euclidean", "unit_euclidean", "cosine", "mmd", "mmd_unbiased", "cka",
/// "aligned".
[[nodiscard]] const char* to_string(DistanceKind distance);
/// The distance of that name; throws kUsage with the nearest names.
[[nodiscard]] DistanceKind find_distance(std::string_view name);
[[nodiscard]] std::vector<std::string> distance_names();
/// Whether it compares maps (the flat representation and the maps' shape) instead of vectors.
[[nodiscard]] bool compares_maps(DistanceKind distance);

/// Distances of every pair of n pictures: symmetric, 0 on the diagonal, row-major. NaN where a
/// distance is undefined (kAligned, masks that do not meet).
struct DistanceMatrix {
  std::int64_t n{0};
  std::vector<double> values;

  [[nodiscard]] double at(std::int64_t i, std::int64_t j) const {
    return values[static_cast<std::size_t>(i * n + j)];
  }
};

/// Distances of all rows; `distance` must be one between vectors (kUsage otherwise). Exact to
/// rounding in double precision and the same for every number of threads.
[[nodiscard]] DistanceMatrix pairwise_distances(const FeatureMatrix& features,
                                                DistanceKind distance,
                                                int threads);

/// Maps of several pictures for the distances between maps.
struct MapSet {
  const FeatureMatrix& flat;  ///< a row a picture: c x h x w values
  Shape shape;                ///< of one picture's maps
  /// kAligned: a row of h w weights a picture; null: all weights are 1.
  const FeatureMatrix* masks{nullptr};
  /// The MMD's Gaussian kernel exp(-d^2 / (2 sigma^2)); 0: median_distance() of the set, once.
  double sigma{0.0};
};
/// Distances of all pictures; `distance` must be one between maps (kUsage otherwise; kShape when
/// extents do not fit). A row of the matrix is a step of the progress "distances". The unbiased MMD
/// needs at least two positions (kUsage).
[[nodiscard]] DistanceMatrix pairwise_distances(const MapSet& maps,
                                                DistanceKind distance,
                                                int threads,
                                                Observer& observer = silent_observer());

/// The median Euclidean distance of two position vectors of the whole set, the MMD's usual
/// bandwidth. Of more than 1000 position vectors, 1000 at even spacing are taken. 0 when all are
/// equal.
[[nodiscard]] double median_distance(const MapSet& maps);

/// The squared MMD of two samples, each Z rows of C numbers.
[[nodiscard]] double mmd(const FeatureMatrix& u, const FeatureMatrix& v, double sigma, bool biased);

/// Linear CKA of two sets of features of the same pictures (equally many rows): with centred
/// columns |Y^T X|_F^2 / (|X^T X|_F |Y^T Y|_F) (Kornblith et al. 2019, eq. 3), in [0, 1]; invariant
/// to rotation and isotropic scaling. 0 when one of them is constant. Throws kShape when the
/// numbers of rows differ or are below 2.
[[nodiscard]] double linear_cka(const FeatureMatrix& x, const FeatureMatrix& y, int threads);
/// CKA of every set with every other, n x n, row-major: layers of one net, or of two over the same
/// pictures.
[[nodiscard]] std::vector<double> linear_cka_matrix(std::span<const FeatureMatrix* const> x,
                                                    std::span<const FeatureMatrix* const> y,
                                                    int threads,
                                                    Observer& observer = silent_observer());

}  // namespace cutaway::explain
