#pragma once

#include <string>
#include <string_view>

#include "layers/graph.h"

namespace cutaway::weights {

/// A graph as JSON text: the input's extents, then every node's name, type, attributes and inputs
/// (by name) in topological order, then the aliases.
[[nodiscard]] std::string to_json(const Graph& graph);

/// The inverse, through the layer registry; shapes are inferred anew. Throws kInput or kShape,
/// naming the node, for unknown types, missing or unknown members, inputs that do not come earlier,
/// and more than 100000 nodes.
[[nodiscard]] Graph graph_from_json(std::string_view text);

}  // namespace cutaway::weights
