#pragma once

#include <string>
#include <vector>

#include "explain/graph/layer_spec.h"
#include "layers/graph.h"

namespace cutaway::explain {

/// A layer of a net that an explanatory graph is built on.
struct TapLayer {
  NodeId node;
  graph::LayerSpec spec;
};

/// The layers named, or, with no names, those that suit the net: VGG-16's conv4_2, conv4_3, conv5_2
/// and conv5_3; elsewhere, of the maps of 6 to 40 cells a side, the last block of every resolution,
/// and where that makes fewer than three layers the last two. A block is what a concatenation or an
/// addition gives, or, at resolutions that have none, a convolution before its ReLU. `nodes`: nodes
/// a filter of each layer, the usual number where it is 0 or missing; a single number is for all
/// layers. From the shallowest to the top. Throws kUsage for unknown names, for more numbers than
/// layers and for layers that are not one above the other, kUnsupported for maps that are not
/// square.
[[nodiscard]] std::vector<TapLayer> graph_layers(const Graph& graph,
                                                 const std::vector<std::string>& names,
                                                 const std::vector<std::int64_t>& nodes);

}  // namespace cutaway::explain
