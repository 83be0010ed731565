#pragma once

#include <cstdint>
#include <vector>

#include "explain/render/normalize.h"

namespace cutaway::explain {

/// How alike two maps of one picture are (Adebayo et al. 2018, section 3). NaN where one is
/// constant.
struct MapSimilarity {
  double spearman_absolute{0};  ///< rank correlation of the absolute values
  double spearman{0};           ///< of the signed values; equal ones share the mean of their ranks
  double ssim{0};               ///< of the absolute values, each map scaled to [0, 1]
  double hog{0};                ///< Pearson correlation of the HOG features of the same
};
/// Throws kShape when sizes differ, or are too small for a window of 11 or a block of 48 pixels.
[[nodiscard]] MapSimilarity compare_maps(const Map& a, const Map& b);

/// Mean structural similarity (Wang et al. 2004): a Gaussian window of 11 x 11, sigma 1.5, K1 =
/// 0.01, K2 = 0.03, `range` the interval of values, over the windows that lie inside.
[[nodiscard]] double ssim(const Map& a, const Map& b, double range);

/// Histograms of oriented gradients (Dalal & Triggs 2005) as scikit-image makes them: 9 unsigned
/// orientations, cells of 16 x 16, blocks of 3 x 3 cells with L2-Hys normalisation; block row,
/// block column, cell row, cell column, orientation.
[[nodiscard]] std::vector<double> hog_features(const Map& map);

}  // namespace cutaway::explain
