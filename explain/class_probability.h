#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/class_head.h"

namespace cutaway::explain {

/// The probability of class `target` given the scores before the network's last softmax or sigmoid,
/// in double: that of explain/probability.h, or, where the classes are independent, the logistic
/// function 1 / (1 + exp(-score)) of its score. NaN where scores are not finite.
[[nodiscard]] double class_probability(std::span<const float> scores,
                                       std::int64_t target,
                                       ClassHead head);

/// The same for all classes.
[[nodiscard]] std::vector<double> class_probabilities(std::span<const float> scores,
                                                      ClassHead head);

/// How probabilities of this network are made, in words for people.
[[nodiscard]] const char* probability_rule(const Graph& graph);

}  // namespace cutaway::explain
