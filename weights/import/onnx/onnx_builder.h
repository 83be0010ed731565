#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/error.h"
#include "weights/import/onnx/onnx_graph.h"

/// What the operators of ONNX need while a graph is built; private to weights/import/onnx_*.cpp.
namespace cutaway::weights::onnx {

/// Thrown by an operator that cannot be had; becomes one line of the final error.
struct Unsupported {
  std::string reason;
};

/// A value of the ONNX graph that is computed. Vectors are maps of 1 x 1 here; ONNX tells them
/// apart by rank.
struct Computed {
  NodeId node{0};
  std::size_t rank{4};
};

class Builder {
 public:
  Builder(const Model& model, std::string file);
  Converted run();

  // --- for operators
  // -------------------------------------------------------------------------------

  [[nodiscard]] std::int64_t opset() const { return model_.opset; }
  /// The batch that the file's input has; 1 where it is free.
  [[nodiscard]] std::int64_t batch() const { return batch_; }
  [[nodiscard]] const Shape& shape_of(NodeId id) const { return graph_->node(id).shape; }
  /// Input i as a computed value; throws Unsupported when it is a constant or absent.
  [[nodiscard]] Computed computed(const Node& node, std::size_t i) const;
  /// Input i as a constant; null when it is absent or empty. Throws Unsupported when it is
  /// computed.
  [[nodiscard]] const Tensor* constant(const Node& node, std::size_t i) const;
  [[nodiscard]] bool is_constant(const Node& node, std::size_t i) const;
  /// A constant that is read for its structure and is no weight.
  [[nodiscard]] std::vector<std::int64_t> integers(const Tensor& t);
  [[nodiscard]] double number(const Tensor& t);

  /// Adds a layer for `node`. `suffix` names helpers ("pad").
  NodeId add(const Node& node,
             LayerPtr layer,
             std::vector<NodeId> inputs,
             const std::string& suffix = {});
  /// Binds parameter `index` of a layer to a tensor.
  void bind(NodeId id,
            std::size_t index,
            const Tensor& t,
            const Transform& transform = {},
            std::vector<Extents> also = {});
  /// Says what output 0 of `node` is.
  void define(const Node& node, Computed value);
  /// The constant that the only reader of `node`'s output adds to it, if that is a vector of
  /// `channels`; that reader is then done. Frameworks write biases so.
  const Tensor* absorb_bias(const Node& node, std::int64_t channels);

 private:
  void find_needed();
  void find_input();
  void collect_constants();
  void convert(const Node& node);
  [[nodiscard]] bool lost(const Node& node) const;
  std::string unique_name(const std::string& wanted);

  const Model& model_;
  std::string file_;
  std::optional<Graph> graph_;
  std::int64_t batch_{1};
  std::map<std::string, Computed> values_;
  std::map<std::string, const Tensor*> constants_;
  std::map<std::string, std::vector<const Node*>> readers_;
  std::map<const Node*, Computed> absorbed_;  // adds that a layer before them has done
  std::set<const Node*> needed_;
  std::set<std::string> lost_;        // values that could not be had; their readers stay silent
  std::set<std::string> structural_;  // constants that are no weights
  std::set<std::string> names_;
  std::vector<std::string> unsupported_, broken_;
  Bindings bindings_;
  std::vector<Tensor> made_;  // of Constant nodes
};

using Operator = void (*)(Builder& b, const Node& node);
/// The function that converts operators of that type; null when there is none.
[[nodiscard]] Operator find_operator(const std::string& type);

// Attributes with defaults.
[[nodiscard]] std::int64_t integer_of(const Node& node, const char* name, std::int64_t otherwise);
[[nodiscard]] double number_of(const Node& node, const char* name, double otherwise);
[[nodiscard]] std::string text_of(const Node& node, const char* name, const std::string& otherwise);
[[nodiscard]] std::vector<std::int64_t> integers_of(const Node& node,
                                                    const char* name,
                                                    std::vector<std::int64_t> otherwise);

}  // namespace cutaway::weights::onnx
