#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layers/layer.h"

namespace cutaway {

using NodeId = std::int32_t;

struct Node {
  std::string name;
  LayerPtr layer;
  std::vector<NodeId> inputs;
  std::vector<NodeId> consumers;
  Shape shape;  ///< for one image of the graph's own input size
};

/// A directed acyclic graph of named layers. Node 0 is the input; nodes stand in topological order
/// because a node can only name earlier ones.
class Graph {
 public:
  /// `input` is the shape of one image (n = 1).
  explicit Graph(const Shape& input);

  /// Adds a layer and infers its shape. Throws kShape (naming the node) when the inputs do not fit
  /// and kInput when the name is empty, taken, or an input does not exist.
  NodeId add(const std::string& name, LayerPtr layer, std::vector<NodeId> inputs);
  NodeId add(const std::string& name, LayerPtr layer) {
    return add(name, std::move(layer), {last()});
  }

  [[nodiscard]] const Node& node(NodeId id) const;
  [[nodiscard]] std::span<const Node> nodes() const noexcept { return nodes_; }
  [[nodiscard]] NodeId last() const noexcept { return static_cast<NodeId>(nodes_.size()) - 1; }
  [[nodiscard]] NodeId size() const noexcept { return static_cast<NodeId>(nodes_.size()); }

  /// Another name for a node ("block5_conv3" for "conv5_3"). Throws kInput when it is taken.
  void alias(const std::string& name, NodeId node);
  [[nodiscard]] const std::map<std::string, NodeId>& aliases() const noexcept { return aliases_; }
  /// The node of that name or alias; throws kUsage with the three nearest names.
  [[nodiscard]] NodeId find(std::string_view name) const;

  /// Shapes of all nodes for another input (other batch or image size); throws kShape naming the
  /// node.
  [[nodiscard]] std::vector<Shape> infer(const Shape& input) const;
  /// Shapes of a node's inputs among `shapes`.
  [[nodiscard]] std::vector<Shape> input_shapes(NodeId id, std::span<const Shape> shapes) const;
  [[nodiscard]] std::vector<ParameterSpec> parameters(NodeId id) const;

  [[nodiscard]] std::int64_t parameter_count() const;
  [[nodiscard]] std::int64_t macs() const;

 private:
  std::vector<Node> nodes_;
  std::map<std::string, NodeId> names_, aliases_;
};

/// The `count` entries of `names` nearest to `wanted` by edit distance, best first.
[[nodiscard]] std::vector<std::string> nearest_names(std::string_view wanted,
                                                     const std::vector<std::string>& names,
                                                     std::size_t count = 3);

}  // namespace cutaway
