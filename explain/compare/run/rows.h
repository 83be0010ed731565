#pragma once

#include <string>
#include <vector>

#include "explain/compare/run/job.h"

namespace cutaway::explain {

/// A line a layer, representation and distance: every statistic.
[[nodiscard]] std::string statistics_csv(const std::vector<CompareRow>& rows);
/// The chosen few of them, for people: name, ratio, AUC, accuracy, silhouette, recall at 1, mean
/// average precision, rank correlation with the pixels.
[[nodiscard]] std::vector<std::vector<std::string>> statistics_table(
    const std::vector<CompareRow>& rows);

}  // namespace cutaway::explain
