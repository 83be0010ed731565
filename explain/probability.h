#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cutaway::explain {

/// The probability of class `target` given the scores before the last layer's softmax, in double:
/// softmax(scores)[target]. A net of one score answers yes or no: its probability is the logistic
/// function of that score, 1 / (1 + exp(-score)), since a softmax of one score is 1 whatever the
/// net says. NaN where scores are not finite.
[[nodiscard]] double probability(std::span<const float> scores, std::int64_t target);

/// The same for all classes.
[[nodiscard]] std::vector<double> probabilities(std::span<const float> scores);

}  // namespace cutaway::explain
