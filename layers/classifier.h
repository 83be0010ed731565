#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "layers/graph.h"

/// What explaining and training must know about a network's architecture.
namespace cutaway {

/// The node whose outputs are the class scores before softmax.
[[nodiscard]] NodeId logits_node(const Graph& graph);
/// Number of classes: channels of the logits. Throws kUnsupported if they are maps, not a vector.
[[nodiscard]] std::int64_t class_count(const Graph& graph);

/// The layer of the CAM family when the user names none: the last spatial output before the
/// classifier, where the classifier is everything from the global pooling or flattening on, a max
/// pooling right before it, and 1x1 convolutions that already are class maps (SqueezeNet's conv10).
/// Throws kUnsupported when the net has no spatial layer.
struct LayerChoice {
  NodeId node;
  std::string why;  ///< for the log and the manifest
};
[[nodiscard]] LayerChoice default_layer(const Graph& graph);

/// Where the class activation map's weights are (Zhou et al. 2016, equation 2): maps -> global
/// pooling -> dense, or maps -> 1x1 convolution -> (ReLU) -> global pooling (SqueezeNet; the
/// identity mean(M) = S - b does not hold there).
struct CamHead {
  NodeId maps;     ///< A: the maps that are weighted
  NodeId weights;  ///< dense or 1x1 conv; row c weighs class c
  bool exact;      ///< mean(M_c) = S_c - b_c
};
/// Empty when the net is not of that form (VGG-16, AlexNet: use Grad-CAM).
[[nodiscard]] std::optional<CamHead> cam_head(const Graph& graph);

}  // namespace cutaway
