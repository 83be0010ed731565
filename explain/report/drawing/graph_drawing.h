#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/graph.h"

namespace cutaway::explain {

/// Bytes that a net needs for one image.
struct GraphMemory {
  std::int64_t parameters{0};   ///< all parameters, float32
  std::int64_t activations{0};  ///< all outputs, if each were kept
  std::int64_t forward{0};      ///< what a planned forward pass on the CPU allocates
  /// The same with the gradient down to the pixels; 0 where there is none.
  std::int64_t gradient{0};
};
[[nodiscard]] GraphMemory memory_of(const Graph& graph);

/// "3x3, 64 channels, stride 2, pad 1, 2 groups": what distinguishes a layer; empty for one without
/// parameters or window.
[[nodiscard]] std::string summary_of(const Node& node);

/// "1.21 G", "35.3 k", "512": three significant digits with a decimal prefix.
[[nodiscard]] std::string short_count(std::int64_t count);
/// "1.2 MiB", "512 B".
[[nodiscard]] std::string short_bytes(std::int64_t bytes);

struct DrawingText {
  std::string title;
  std::vector<std::string> lines;  ///< below the title
};

/// The graph as a picture that needs nothing to be shown: one card a layer, with shape, parameters,
/// multiply-adds and receptive field; ReLU, batch normalisation and dropout stand on the card of
/// the layer they follow.
[[nodiscard]] std::string to_svg(const Graph& graph, const DrawingText& text);
/// The same graph for Graphviz, one node a layer.
[[nodiscard]] std::string to_dot(const Graph& graph, const std::string& title);

}  // namespace cutaway::explain
