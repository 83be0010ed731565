#pragma once

#include <string>
#include <vector>

#include "layers/graph.h"
#include "weights/import/onnx/onnx_model.h"
#include "weights/import/source.h"

namespace cutaway::weights::onnx {

/// A model's network in this program's layers.
struct Converted {
  Graph graph;
  Bindings bindings;
  std::vector<Tensor> tensors;  ///< those that are weights; bindings name them
};

/// Turns the nodes that the output needs into layers. Nodes are named as in the file (or as their
/// output), made fit for paths; the names of outputs become aliases. Throws kUnsupported with ALL
/// operators and uses of operators that have no counterpart (node, type, reason), or kInput with
/// all that do not fit together. `file` stands in errors.
[[nodiscard]] Converted convert_graph(const Model& model, const std::string& file);

/// Leaves the one of several outputs that is called `name`, and takes away the weights that only
/// others need. With one output and no name nothing happens. Throws kUnsupported, listing them, for
/// several and no name, kUsage for a name that is none of theirs.
void choose_output(Model& model, const std::string& name, const std::string& file);

/// Operators that are understood, for messages and documentation.
[[nodiscard]] std::vector<std::string> known_operators();

}  // namespace cutaway::weights::onnx
