#pragma once

#include <optional>
#include <string>
#include <vector>

#include "layers/graph.h"
#include "weights/import/caffe/text_message.h"
#include "weights/preprocess.h"

namespace cutaway::weights {

/// Which blob of which Caffe layer a parameter is.
struct CaffeBlob {
  NodeId node{0};
  std::string parameter;  ///< "weight", "gamma", ...
  std::string layer;      ///< Caffe's name of the layer; empty: `constant` instead
  int blob{0};
  bool transposed{false};   ///< fully connected with `transpose`: I x O
  std::string scale_layer;  ///< batch normalisation: divide by blob 2 of this layer
  float constant{0};
};

/// What a prototxt says about a net.
struct CaffeGraph {
  Graph graph;
  std::vector<CaffeBlob> blobs;
  /// Layers that the net's output does not depend on (auxiliary heads), or that only training
  /// needs.
  std::vector<std::string> left_out;
  std::optional<Preprocess> preprocess;  ///< of a data layer with transform_param, in train files
};

/// Builds the graph of the TEST phase from a prototxt, deploy or train, with `layer` or with the
/// older `layers` (V1). Layers that work in place, Split, Dropout and losses disappear into what
/// they mean: a ReLU in place is a node behind its layer, SoftmaxWithLoss a softmax, BatchNorm with
/// the Scale behind it one node. Throws kUnsupported with ALL layers and fields that this library
/// does not do, each with name, type and line, and kInput for nets that make no sense. `channels`:
/// of the input, where only a data layer describes it, and that with one mean for all channels; 0:
/// not known, and such a net is grey.
[[nodiscard]] CaffeGraph caffe_graph(const TextMessage& net,
                                     const std::string& file,
                                     std::int64_t channels = 0);

}  // namespace cutaway::weights
