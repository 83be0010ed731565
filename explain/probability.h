#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/class_head.h"

namespace cutaway::explain {

/// The probability of class `target` given the scores before the network's last softmax or sigmoid,
/// in double: softmax(scores)[target], or the logistic function 1 / (1 + exp(-score)) of its score
/// where the classes are independent. A net of one score answers yes or no, and is taken so whatever
/// the head, since a softmax of one score is 1 whatever the net says. NaN where scores are not
/// finite.
[[nodiscard]] double probability(std::span<const float> scores,
                                 std::int64_t target,
                                 ClassHead head = ClassHead::kSoftmax);

/// The same for all classes.
[[nodiscard]] std::vector<double> probabilities(std::span<const float> scores,
                                                ClassHead head = ClassHead::kSoftmax);

/// How probabilities of this network are made, in words for people.
[[nodiscard]] const char* probability_rule(const Graph& graph);

}  // namespace cutaway::explain
