#pragma once

#include <cstdint>

#include "layers/graph.h"

namespace cutaway {

/// How class scores become probabilities.
enum class ClassHead : std::uint8_t {
  kSoftmax,     ///< one of the classes: softmax over the scores
  kIndependent  ///< each class by itself, yes or no: the logistic function of its score
};
/// kIndependent where the network ends in a sigmoid.
[[nodiscard]] ClassHead class_head(const Graph& graph);

}  // namespace cutaway
