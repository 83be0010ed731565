#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "layers/graph.h"
#include "weights/import/source.h"

namespace cutaway::weights {

/// A parameter of a Keras layer and where it goes.
struct KerasWeight {
  NodeId node{0};
  std::size_t parameter{0};
  std::string layer;  ///< Keras' name of the layer: "block1_conv1"
  std::string outer;  ///< the outermost model that it is in below this one, or its own name
  std::vector<std::string> containers{};  ///< where Keras 3 stores it: "functional", "conv2d_1"
  std::string role;      ///< "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"
  std::size_t place{0};  ///< index among the layer's variables
  Transform transform{};
  std::vector<Extents> also{};
  std::vector<float> values{};  ///< there is no such variable: this for all, or one an element
  bool shared{false};           ///< other uses of the layer have it too
};

/// A layer that the graph does not need.
struct KerasLeftOut {
  std::string outer, layer;  ///< as in KerasWeight
  std::vector<std::string> containers;
  std::string reason{"of a layer that only other outputs need"};
};

/// What a layer does to the order of a vector's features. Keras flattens maps in H, W, C order, so
/// that order matters until a layer mixes the features.
enum class FeatureOrder : std::uint8_t { kKept, kMixed, kUnknown };
/// A kind of layer that this does not know is kUnknown: forgetting one is an error where it
/// matters, not a wrong number.
[[nodiscard]] FeatureOrder feature_order_behind(LayerKind kind);

/// What a Keras model's configuration says.
struct KerasGraph {
  Graph graph;
  std::vector<KerasWeight> weights;
  std::vector<KerasLeftOut> left_out{};
};

/// Builds the graph of a Sequential or functional model from its configuration as Keras 1 to 3
/// write it (attribute model_config, config.json). Models in it are opened: their layers keep their
/// names, or "<model>/<layer>" where two are called the same. A layer that is used several times
/// becomes as many, "<layer>", "<layer>:2", ..., with the same weights. Of several outputs `output`
/// names one, the layer it comes from; what only others need is left out. Kernels become O x I x H
/// x W; the features of a fully connected layer behind a Flatten are put into C, H, W order where
/// Keras flattened H, W, C; an activation named inside a layer is a node
/// "<layer>_<activation>"; "same" padding that differs between the sides becomes a padding layer.
/// Settings that nobody reads are refused unless they matter in training only; so are layers that
/// are called as in training, and layers on flattened maps that are not known to keep or to mix
/// features. Throws kUnsupported with ALL layers and settings that this library does not do, and
/// for several outputs with none named, with their names; kUsage for an output that is none; kInput
/// for configurations that make no sense, are longer than 64 MiB or nested too deeply.
[[nodiscard]] KerasGraph keras_graph(std::string_view json,
                                     const std::string& file,
                                     const std::string& output = {});

}  // namespace cutaway::weights
