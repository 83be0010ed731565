#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "layers/graph.h"

namespace cutaway {

/// How a signal passes down through a layer. The gradient is one rule among others; deconvnet,
/// guided backpropagation and relevance propagation differ from it at a few kinds of layers.
class BackwardRule {
 public:
  virtual ~BackwardRule() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// Asked when a plan is built, never later. Empty: accepted; otherwise the reason against.
  [[nodiscard]] virtual std::string declines(const Layer& layer) const = 0;
  /// What the planner must retain from the forward pass (Keep bits).
  [[nodiscard]] virtual std::uint8_t keeps(const Layer& layer) const = 0;
  /// Nodes whose parameters follow the layer's own in Prepared::load and BackCall::params.
  [[nodiscard]] virtual std::vector<NodeId> also_reads(const Graph&, NodeId) const { return {}; }
  /// dx may be written over dy.
  [[nodiscard]] virtual bool in_place(const Layer& /*layer*/) const { return false; }
  [[nodiscard]] virtual std::unique_ptr<Prepared> prepare(const Layer&,
                                                          const PrepareContext&) const {
    return nullptr;
  }
  virtual void apply(const Layer& layer, const BackCall& call) const = 0;
};

using RulePtr = std::shared_ptr<const BackwardRule>;

/// Which rule serves which node: an ordered list, first match wins.
class RuleSet {
 public:
  explicit RuleSet(std::string name) : name_(std::move(name)) {}

  RuleSet& on(LayerKind kind, RulePtr rule);
  RuleSet& on(std::function<bool(const Graph&, NodeId)> match, RulePtr rule);
  RuleSet& otherwise(RulePtr rule);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Throws kUnsupported, naming the set and the node, when no rule matches or the one that does
  /// declines.
  [[nodiscard]] RulePtr resolve(const Graph& graph, NodeId node) const;
  /// The resolved table, a line a node.
  [[nodiscard]] std::string describe(const Graph& graph) const;

 private:
  std::string name_;
  std::vector<std::pair<std::function<bool(const Graph&, NodeId)>, RulePtr>> rules_;
};

/// Layer::vjp, for every layer.
[[nodiscard]] RulePtr vjp_rule();
/// The gradient: vjp_rule for everything.
[[nodiscard]] RuleSet gradient_rules();

}  // namespace cutaway
