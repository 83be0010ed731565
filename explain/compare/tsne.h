#pragma once

#include <cstdint>
#include <vector>

#include "explain/compare/feature_matrix.h"
#include "runtime/observer.h"

namespace cutaway::explain {

/// Settings of t-SNE.
struct TsneOptions {
  double perplexity{
      30.0};  ///< below the number of rows; lowered to (rows - 1) / 3 where it is above
  std::int64_t components{50};  ///< of the PCA in front; 0: none
  std::int64_t iterations{1000};
  double exaggeration{12.0};  ///< of p in the first `early` iterations
  std::int64_t early{250};    ///< and the iteration at which the momentum goes from 0.5 to 0.8
  double learning_rate{0.0};  ///< 0: max(rows / exaggeration / 4, 50) (Belkina et al. 2019, as
                              ///< scikit-learn)
};

/// A map of pictures in the plane.
struct PlaneEmbedding {
  FeatureMatrix points;  ///< rows x 2
  double divergence{0};  ///< Kullback-Leibler divergence of q from p at the end, in nats
  double perplexity{0};  ///< the one used
  std::int64_t iterations{0};
};

/// Exact t-SNE (van der Maaten & Hinton 2008) in double precision, started from the first two
/// principal components scaled to a standard deviation of 1e-4, with the adaptive gains of the
/// authors' code; no random numbers. Point i's kernel width is found by bisection until its
/// perplexity is met to 1e-5 (in the logarithm, at most 100 steps). O(rows^2) time and memory.
/// Throws kShape with fewer than 3 rows, kUsage for settings out of range, Cancelled as the
/// observer says.
[[nodiscard]] PlaneEmbedding tsne(const FeatureMatrix& features,
                                  const TsneOptions& options,
                                  int threads,
                                  Observer& observer = silent_observer());

/// The symmetric affinities p_ij of t-SNE, rows x rows: (p_j|i + p_i|j) / (2 rows), at least 1e-12
/// off the diagonal, 0 on it.
[[nodiscard]] std::vector<double> tsne_affinities(const FeatureMatrix& features,
                                                  double perplexity,
                                                  int threads);
/// 4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2), rows x 2, and the divergence.
struct TsneGradient {
  std::vector<double> values;
  double divergence{0};
};
[[nodiscard]] TsneGradient tsne_gradient(const std::vector<double>& affinities,
                                         const std::vector<double>& points,
                                         int threads);

/// How well an embedding keeps neighbourhoods: 1 minus the normalised ranks of points that are
/// among the k nearest in the map but not in feature space (Venna & Kaski 2001), Euclidean, in [0,
/// 1]. Throws kUsage unless 1 <= k < rows / 2.
[[nodiscard]] double trustworthiness(const FeatureMatrix& features,
                                     const FeatureMatrix& points,
                                     std::int64_t k,
                                     int threads);

}  // namespace cutaway::explain
