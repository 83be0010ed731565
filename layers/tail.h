#pragma once

#include <vector>

#include "layers/model.h"

namespace cutaway {

/// The part of a network above one node, whose output becomes the input.
struct Tail {
  Model model;                ///< shares the parameters of the full network; ends at `output`
  std::vector<NodeId> nodes;  ///< of the full network's nodes; -1: not in the tail
};

/// Throws kUnsupported, naming the node, when something above `node` also reads what is below it (a
/// shortcut).
[[nodiscard]] Tail tail_of(const Model& full, NodeId node, NodeId output);

}  // namespace cutaway
