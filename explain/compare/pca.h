#pragma once

#include <cstdint>
#include <vector>

#include "explain/compare/feature_matrix.h"

namespace cutaway::explain {

/// Principal components of features, the most varying first.
struct Pca {
  std::vector<double> mean;            ///< of every column
  FeatureMatrix axes;                  ///< a row a component, of length 1; its entry of largest
                                       ///< absolute value is positive
  FeatureMatrix scores;                ///< rows x components: the centred rows along the axes
  std::vector<double> variance;        ///< of the scores, over rows - 1
  std::vector<double> variance_ratio;  ///< the same over the total variance; 0 when that is 0
};
/// The first `components` eigenvectors of the covariance of the columns, at most min(rows - 1,
/// columns); through the inner products of the rows where there are fewer rows than columns. Throws
/// kShape with fewer than 2 rows, kUsage unless components >= 1.
[[nodiscard]] Pca principal_components(const FeatureMatrix& features,
                                       std::int64_t components,
                                       int threads);

}  // namespace cutaway::explain
