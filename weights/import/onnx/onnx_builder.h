#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/error.h"
#include "weights/import/onnx/onnx_graph.h"
#include "weights/import/onnx/onnx_integers.h"

/// What the operators of ONNX need while a graph is built; private to weights/import/onnx.
namespace cutaway::weights::onnx {

/// Thrown by an operator that cannot be had; becomes one line of the final error.
struct Unsupported {
  std::string reason;
};

/// A value of the ONNX graph that is computed. Vectors are maps of 1 x 1 here; ONNX tells them
/// apart by rank: N x C x H x W, N x C x L with L = H W, N x C, or C where the batch of 1 is left
/// out.
///
/// A reshaping or a transposition is first only noted: exporters turn values round for one operator
/// and back behind it. It becomes a layer when something needs the numbers in their new places
/// (Builder::computed).
struct Computed {
  NodeId node{0};
  std::size_t rank{4};
  Extents view{};                    ///< extents behind the batch; empty: those of the maps
  std::vector<std::size_t> order{};  ///< axis i is axis order[i] of the view; empty: unchanged

  /// Nothing is left to be done.
  [[nodiscard]] bool plain() const { return view.empty() && order.empty(); }
  /// The maps with their axes in another order, and no more.
  [[nodiscard]] bool turned() const { return view.empty() && !order.empty(); }
  /// The same extents and order for another node's numbers.
  [[nodiscard]] Computed at(NodeId other) const { return {other, rank, view, order}; }
};

/// y = gamma x + beta: each one number, or one a channel.
struct Affine {
  std::vector<float> gamma{1.0F}, beta{0.0F};
};

/// True when a constant of extents `e` is, for values of that rank, one number or one a place of
/// `axis` (counted with the batch), which is that long: its axes are counted from the last, and the
/// missing ones are 1.
[[nodiscard]] bool broadcasts_along(const Extents& e,
                                    std::int64_t extent,
                                    std::size_t rank,
                                    std::size_t axis);

class Builder {
 public:
  Builder(const Model& model, std::string file);
  Converted run();

  // --- for operators
  // -------------------------------------------------------------------------------

  [[nodiscard]] std::int64_t opset() const { return model_.opset; }
  /// The batch that the file's input has; 1 where it is free.
  [[nodiscard]] std::int64_t batch() const { return batch_; }
  /// True when the file says that there is one picture a batch.
  [[nodiscard]] bool batch_is_one() const { return batch_given_ && batch_ == 1; }
  [[nodiscard]] const Shape& shape_of(NodeId id) const { return graph_->node(id).shape; }
  /// Input i as a computed value without anything left to be done; layers are added for that.
  /// Throws Unsupported when it is a constant or absent, or what is left has no counterpart.
  [[nodiscard]] Computed computed(const Node& node, std::size_t i);
  /// The same, perhaps with a reshaping or a transposition left: for operators that do not mind.
  [[nodiscard]] const Computed& pending(const Node& node, std::size_t i) const;
  /// `x` with what is left done, by layers with names that begin with `name`.
  Computed carried_out(const Computed& x, const std::string& name);
  /// The extents of a value behind the batch.
  [[nodiscard]] Extents extents_of(const Computed& x) const;
  /// A value of those extents with the numbers of `x` in the same order.
  Computed reshaped(const Node& node, const Computed& x, Extents to);
  /// A value whose axis i behind the batch is axis order[i] of `x`.
  [[nodiscard]] Computed transposed(const Computed& x, const std::vector<std::size_t>& order) const;
  /// `x` with its axis `axis` (0: channels) behind the batch as the channels of the node; what undoes
  /// that is left to be done.
  Computed with_channels(const Node& node, const Computed& x, std::size_t axis);
  /// Input i as a constant; null when it is absent or empty. Throws Unsupported when it is
  /// computed.
  [[nodiscard]] const Tensor* constant(const Node& node, std::size_t i) const;
  [[nodiscard]] bool is_constant(const Node& node, std::size_t i) const;
  /// Input i as a list of integers that is known while importing, be it stored or computed from
  /// extents; nothing when it is absent. Throws Unsupported when it depends on the picture.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> integers(const Node& node, std::size_t i);
  /// The same of an input where there is one, otherwise of the attribute `name`.
  [[nodiscard]] std::vector<std::int64_t> integers_or(const Node& node,
                                                      std::size_t i,
                                                      const char* name,
                                                      std::vector<std::int64_t> otherwise);
  /// A constant that is read for its structure and is no weight.
  [[nodiscard]] double number(const Tensor& t);
  /// All numbers of a small constant.
  [[nodiscard]] std::vector<float> numbers(const Tensor& t);

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
  /// Binds parameter `index` of a layer to numbers: one for all, or one each.
  void bind_values(NodeId id, std::size_t index, std::vector<float> values);
  /// A layer that computes that a channel.
  NodeId add_affine(const Node& node,
                    NodeId from,
                    const Affine& affine,
                    const std::string& suffix = {});
  /// Says what output `i` of `node` is.
  void define(const Node& node, Computed value, std::size_t i = 0);
  /// True when something needs output `i` of `node`.
  [[nodiscard]] bool is_read(const Node& node, std::size_t i) const;
  /// The constant that the only reader of `node`'s output, of that rank, adds to it, if ONNX's
  /// broadcasting makes that one number a place of `axis` (counted with the batch), the channels;
  /// the reader is then done. Frameworks write biases so.
  const Tensor* absorb_bias(const Node& node,
                            std::int64_t channels,
                            std::size_t rank,
                            std::size_t axis = 1);

  /// How many axes the integers of input `i` have; 0 when they are one number, or none.
  [[nodiscard]] std::size_t axes_of_known(const Node& node, std::size_t i);

 private:
  /// True when a transposition leaves the numbers where they are.
  [[nodiscard]] bool moves_only_ones(const Computed& x,
                                     const std::vector<std::size_t>& order) const;
  void find_needed();
  void find_input();
  void collect_constants();
  void convert(const Node& node);
  void add_constant_node(const Node& node);
  /// Carries out a node whose inputs are known integers; false when they are not.
  bool fold_known(const Node& node);
  /// A constant of integers, or what nodes before made of such; null for anything else.
  const Integers* known(const std::string& name);
  /// Counts numbers that are kept in memory: a file of many nodes must not take all of it.
  void charge(std::size_t numbers);
  /// What Shape gives.
  Integers shape_known(const Node& node);
  /// A node that gives a constant other extents; false for anything else.
  bool view_known(const Node& node);
  /// Registers `t` under another name and other extents: the same numbers.
  void view(const std::string& name, const Tensor& t, Extents extents);
  [[nodiscard]] bool lost(const Node& node) const;
  std::string unique_name(const std::string& wanted);

  const Model& model_;
  std::string file_;
  std::optional<Graph> graph_;
  std::int64_t batch_{1};
  bool batch_given_{false};  // or free
  std::map<std::string, Computed> values_;
  std::map<std::string, const Tensor*> constants_;
  std::map<std::string, Integers> known_;  // integers, read or computed
  std::size_t known_numbers_{0};
  std::map<std::string, std::vector<const Node*>> readers_;
  std::map<const Node*, Computed> absorbed_;  // adds that a layer before them has done
  std::set<const Node*> needed_;
  std::set<std::string> lost_;        // values that could not be had; their readers stay silent
  std::set<std::string> structural_;  // constants that are no weights
  std::set<std::string> names_;
  std::vector<std::string> unsupported_, broken_;
  Bindings bindings_;
  std::deque<Tensor> made_;  // of Constant nodes, and views; none of them moves
};

/// How operators of a type are converted.
struct Operator {
  const char* type;
  void (*convert)(Builder& b, const Node& node);
  /// Attributes that are read, or that change nothing in evaluation, with a space behind each. Any
  /// other is refused.
  const char* attributes;
  bool several{false};  ///< it defines more outputs than the first
};
/// Null when there is none of that type.
[[nodiscard]] const Operator* find_operator(const std::string& type);

// Attributes with defaults.
[[nodiscard]] std::int64_t integer_of(const Node& node, const char* name, std::int64_t otherwise);
[[nodiscard]] double number_of(const Node& node, const char* name, double otherwise);
[[nodiscard]] std::string text_of(const Node& node, const char* name, const std::string& otherwise);
[[nodiscard]] std::vector<std::int64_t> integers_of(const Node& node,
                                                    const char* name,
                                                    std::vector<std::int64_t> otherwise);

}  // namespace cutaway::weights::onnx
