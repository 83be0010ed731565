#include "layers/rule.h"

#include "runtime/error.h"

namespace cutaway {
namespace {

class VjpRule final : public BackwardRule {
 public:
  std::string_view name() const noexcept override { return "gradient"; }
  std::string declines(const Layer&) const override { return {}; }
  std::uint8_t keeps(const Layer& layer) const override { return layer.vjp_keeps(); }
  bool in_place(const Layer& layer) const override { return layer.vjp_in_place(); }
  std::unique_ptr<Prepared> prepare(const Layer& layer, const PrepareContext& c) const override {
    return layer.prepare_vjp(c);
  }
  void apply(const Layer& layer, const BackCall& call) const override { layer.vjp(call); }
};

}  // namespace

RuleSet& RuleSet::on(LayerKind kind, RulePtr rule) {
  return on([kind](const Graph& graph, NodeId id) { return graph.node(id).layer->kind() == kind; },
            std::move(rule));
}

RuleSet& RuleSet::on(std::function<bool(const Graph&, NodeId)> match, RulePtr rule) {
  rules_.emplace_back(std::move(match), std::move(rule));
  return *this;
}

RuleSet& RuleSet::otherwise(RulePtr rule) {
  return on([](const Graph&, NodeId) { return true; }, std::move(rule));
}

RulePtr RuleSet::resolve(const Graph& graph, NodeId id) const {
  const Node& node = graph.node(id);
  const std::string where = node.name + " (" + std::string(node.layer->type()) + ")";
  for (const auto& [match, rule] : rules_) {
    if (!match(graph, id)) continue;
    const std::string reason = rule->declines(*node.layer);
    if (reason.empty()) return rule;
    throw Error(ErrorKind::kUnsupported,
                "the rules of " + name_ + " do not pass this layer: " + reason)
        .at(where);
  }
  throw Error(ErrorKind::kUnsupported, "no rule of " + name_ + " is for this layer").at(where);
}

std::string RuleSet::describe(const Graph& graph) const {
  std::string text;
  for (NodeId id = 1; id < graph.size(); ++id) {
    std::string rule;
    try {
      rule = resolve(graph, id)->name();
    } catch (const Error& error) {
      rule = error.what();
    }
    text += graph.node(id).name + ": " + rule + "\n";
  }
  return text;
}

RulePtr vjp_rule() {
  static const RulePtr rule = std::make_shared<VjpRule>();
  return rule;
}

RuleSet gradient_rules() {
  RuleSet rules("gradient");
  rules.otherwise(vjp_rule());
  return rules;
}

}  // namespace cutaway
