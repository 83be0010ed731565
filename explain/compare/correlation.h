#pragma once

#include <span>
#include <vector>

namespace cutaway::explain {

/// Ranks from 1, equal values sharing the mean of theirs. Values must not be NaN.
[[nodiscard]] std::vector<double> average_ranks(std::span<const double> values);
/// Pearson's and Spearman's correlation; NaN when one side is constant or has fewer than two
/// values. Throws kShape when the numbers of values differ.
[[nodiscard]] double pearson(std::span<const double> x, std::span<const double> y);
[[nodiscard]] double spearman(std::span<const double> x, std::span<const double> y);

}  // namespace cutaway::explain
