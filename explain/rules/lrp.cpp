#include "explain/rules/lrp.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "explain/rules/gates.h"
#include "layers/activation.h"
#include "layers/clip.h"
#include "layers/elementwise.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

using Match = std::function<bool(const Graph&, NodeId)>;

LayerKind kind_of(const Graph& graph, NodeId id) { return graph.node(id).layer->kind(); }

bool has_weights(LayerKind kind) { return kind == LayerKind::kConv || kind == LayerKind::kDense; }

bool is_first(const Graph& graph, NodeId id) {
  return has_weights(kind_of(graph, id)) && reads_pixels(graph, id);
}

bool is_merged_norm(const Graph& graph, NodeId id) {
  if (kind_of(graph, id) != LayerKind::kBatchNorm) return false;
  return merged_norm(graph, graph.node(id).inputs[0]) == id;
}

/// Max poolings between a node and the pixels, on the path with the most of them.
std::int64_t max_pools_below(const Graph& graph, NodeId id) {
  std::vector<std::int64_t> count(static_cast<std::size_t>(id) + 1, 0);
  for (NodeId i = 1; i <= id; ++i) {
    std::int64_t most = 0;
    for (const NodeId in : graph.node(i).inputs)
      most = std::max(most, count[static_cast<std::size_t>(in)]);
    count[static_cast<std::size_t>(i)] = most + (kind_of(graph, i) == LayerKind::kMaxPool ? 1 : 0);
  }
  return count[static_cast<std::size_t>(id)];
}

LrpRule rule_of(const LrpOptions& o, LrpKind kind) {
  LrpRule rule;
  rule.kind = kind;
  rule.gamma = o.gamma;
  rule.alpha = o.alpha;
  rule.beta = o.beta;
  rule.low = o.low;
  rule.high = o.high;
  rule.bias = o.bias;
  return rule;
}

LrpRule epsilon_rule(const LrpOptions& o, double epsilon) {
  LrpRule rule = rule_of(o, LrpKind::kEpsilon);
  rule.epsilon = epsilon;
  return rule;
}

LrpRule box_rule(const LrpOptions& o) {
  if (o.low.empty() || o.high.empty()) {
    throw Error(ErrorKind::kUsage,
                "composite " + o.composite + " needs the range of the pixels as the net sees them")
        .hint(
            "give low and high, one number or one a channel: (0 - mean) / std and (255 - mean) / "
            "std");
  }
  return rule_of(o, LrpKind::kZBox);
}

void numbers(std::string& text, const char* name, const std::vector<float>& values) {
  for (const float v : values) {
    char part[48];
    std::snprintf(part, sizeof part, " %s %.9g", name, static_cast<double>(v));
    text += part;
  }
}

/// Equal names mean equal rules: passes are shared by name.
std::string name_of(const LrpOptions& o) {
  char text[200];
  std::snprintf(text, sizeof text,
                "LRP %s epsilon %.9g gamma %.9g alpha %.9g beta %.9g bias %d average_max %d",
                o.composite.c_str(), o.epsilon, o.gamma, o.alpha, o.beta, o.bias ? 1 : 0,
                o.average_max ? 1 : 0);
  std::string name = text;
  numbers(name, "low", o.low);
  numbers(name, "high", o.high);
  return name;
}

bool has_operation(const Graph& graph, NodeId id, std::initializer_list<kernels::BinaryOp> those) {
  const auto* layer = dynamic_cast<const Elementwise*>(graph.node(id).layer.get());
  return layer != nullptr && std::ranges::find(those, layer->operation()) != those.end();
}

/// Sums in proportion; of two values the larger or smaller takes all; a constant factor takes
/// nothing, and of a product the gate does not.
void add_elementwise(RuleSet& rules) {
  using kernels::BinaryOp;
  rules.on(
      [](const Graph& g, NodeId id) {
        return has_operation(g, id, {BinaryOp::kAdd, BinaryOp::kSubtract});
      },
      lrp_proportional(kStabiliser));
  rules.on(
      [](const Graph& g, NodeId id) {
        return has_operation(g, id, {BinaryOp::kMaximum, BinaryOp::kMinimum});
      },
      vjp_rule());
  rules.on([](const Graph& g, NodeId id) { return is_product(g, id) && gate_of(g, id) >= 0; },
           signal_takes_all());
  rules.on(
      is_product,
      refuse("it multiplies two signals of which neither is a gate (a sigmoid, softmax or a "
             "smaller plane), and "
             "relevance has no published share for them; take a gradient method (input_x_gradient, "
             "integrated_gradients), or a map of a layer above it (grad_cam)"));
  rules.on(
      [](const Graph& g, NodeId id) {
        const auto* layer = dynamic_cast<const Elementwise*>(g.node(id).layer.get());
        return layer != nullptr && layer->has_constant() &&
               (layer->operation() == BinaryOp::kMultiply ||
                (layer->operation() == BinaryOp::kDivide && !layer->reversed()));
      },
      lrp_constant_factor());
}

/// What stands between the linear layers, the same in every composite.
void add_others(RuleSet& rules, bool average_max) {
  if (average_max) {
    rules.on(LayerKind::kMaxPool, lrp_max_as_average(kStabiliser));
    rules.on(LayerKind::kGlobalMaxPool, lrp_max_as_average(kStabiliser));
  }
  for (const LayerKind kind : {LayerKind::kAveragePool, LayerKind::kGlobalAveragePool,
                               LayerKind::kAdd, LayerKind::kResize}) {
    rules.on(kind, lrp_proportional(kStabiliser));
  }
  add_elementwise(rules);
  // Activations pass relevance as they are (Bach et al. 2015, section 2.3; zennit's rule Pass), and
  // so do normalisations over a part of the activations (Achtibat et al. 2024, proposition 3.4).
  for (const LayerKind kind :
       {LayerKind::kRelu, LayerKind::kLeakyRelu, LayerKind::kPRelu, LayerKind::kClip,
        LayerKind::kActivation, LayerKind::kLrn, LayerKind::kGroupNorm, LayerKind::kLayerNorm}) {
    rules.on(kind, lrp_pass());
  }
  // The switches, concatenation, flattening, padding: the signal goes back where its value came
  // from.
  for (const LayerKind kind :
       {LayerKind::kMaxPool, LayerKind::kGlobalMaxPool, LayerKind::kConcat, LayerKind::kFlatten,
        LayerKind::kDropout, LayerKind::kPad, LayerKind::kSlice, LayerKind::kRearrange}) {
    rules.on(kind, vjp_rule());
  }
  rules.on(LayerKind::kSoftmax, refuse("start at the scores below it (the logits)"));
  rules.otherwise(
      refuse("no published rule is known for it; take a gradient method (input_x_gradient, "
             "integrated_gradients, smoothgrad), or a map of a layer above it (grad_cam)"));
}

/// First layer, convolutions, dense layers.
void add_preset(RuleSet& rules, const LrpOptions& o) {
  const RulePtr dense = lrp_linear(epsilon_rule(o, o.epsilon));
  const bool flat_first = o.composite.ends_with("_flat");
  if (flat_first) rules.on(is_first, lrp_linear(rule_of(o, LrpKind::kFlat)));
  if (o.composite == "epsilon_gamma_box") {
    rules.on(is_first, lrp_linear(box_rule(o)))
        .on(LayerKind::kConv, lrp_linear(rule_of(o, LrpKind::kGamma)))
        .on(LayerKind::kConvTranspose, lrp_linear(rule_of(o, LrpKind::kGamma)));
  } else if (o.composite.starts_with("epsilon_plus")) {
    const RulePtr plus = lrp_linear(rule_of(o, LrpKind::kZPlus));
    rules.on(LayerKind::kConv, plus).on(LayerKind::kConvTranspose, plus);
  } else {
    LrpRule rule = rule_of(o, LrpKind::kAlphaBeta);
    rule.alpha = 2.0;
    rule.beta = 1.0;
    rules.on(LayerKind::kConv, lrp_linear(rule)).on(LayerKind::kConvTranspose, lrp_linear(rule));
  }
  rules.on(LayerKind::kDense, dense).on(LayerKind::kBatchNorm, dense);
}

void add_tutorial(RuleSet& rules, const LrpOptions& o) {
  constexpr double kShare = 0.25;
  constexpr double kTiny = 1e-9;
  const Match above = [](const Graph& g, NodeId id) { return max_pools_below(g, id) >= 3; };
  const auto high_up = [above](LayerKind kind) {
    return
        [above, kind](const Graph& g, NodeId id) { return kind_of(g, id) == kind && above(g, id); };
  };
  // The third pooling itself still belongs to the part below.
  const Match pool_above = [](const Graph& g, NodeId id) {
    return kind_of(g, id) == LayerKind::kMaxPool && max_pools_below(g, id) >= 4;
  };
  LrpRule relative = epsilon_rule(o, kTiny);
  relative.rms_share = kShare;
  rules.on(is_first, lrp_linear(box_rule(o))).on(high_up(LayerKind::kConv), lrp_linear(relative));
  if (o.average_max) rules.on(pool_above, lrp_max_as_average(kTiny, kShare));
  const RulePtr gamma = lrp_linear(rule_of(o, LrpKind::kGamma));
  rules.on(LayerKind::kConv, gamma).on(LayerKind::kConvTranspose, gamma);
  const RulePtr dense = lrp_linear(epsilon_rule(o, kStabiliser));
  rules.on(LayerKind::kDense, dense).on(LayerKind::kBatchNorm, dense);
}

struct Uniform {
  const char* name;
  LrpKind kind;
};
constexpr Uniform kUniform[] = {{"zero", LrpKind::kEpsilon}, {"epsilon", LrpKind::kEpsilon},
                                {"gamma", LrpKind::kGamma},  {"alphabeta", LrpKind::kAlphaBeta},
                                {"zplus", LrpKind::kZPlus},  {"wsquare", LrpKind::kWSquare},
                                {"flat", LrpKind::kFlat}};

void validate(const LrpOptions& o) {
  const std::vector<std::string> known = lrp_composites();
  if (std::ranges::find(known, o.composite) == known.end()) {
    std::string hint = "did you mean";
    for (const std::string& near : nearest_names(o.composite, known)) hint += " '" + near + "'";
    throw Error(ErrorKind::kUsage, "unknown composite '" + o.composite + "'").hint(hint);
  }
  const auto refuse = [](const char* what, const char* expected, double got) {
    throw Error(ErrorKind::kUsage, what).expected(expected).got(std::to_string(got));
  };
  if (!(o.epsilon >= 0.0 && std::isfinite(o.epsilon))) refuse("epsilon", "0 or more", o.epsilon);
  if (!(o.gamma >= 0.0 && std::isfinite(o.gamma))) refuse("gamma", "0 or more", o.gamma);
  if (!(o.beta >= 0.0 && o.beta <= 1e6)) refuse("beta", "0 or more", o.beta);
  if (!(std::abs(o.alpha - o.beta - 1.0) <= 1e-9))
    refuse("alpha - beta", "1 (what else would lose relevance)", o.alpha - o.beta);
  for (std::size_t i = 0; i < std::min(o.low.size(), o.high.size()); ++i) {
    if (!(o.low[i] <= o.high[i])) refuse("low", "at most high", static_cast<double>(o.low[i]));
  }
}

}  // namespace

std::vector<std::string> lrp_composites() {
  std::vector<std::string> names{"epsilon_gamma_box",         "epsilon_plus",
                                 "epsilon_plus_flat",         "epsilon_alpha2_beta1",
                                 "epsilon_alpha2_beta1_flat", "vgg_tutorial"};
  for (const Uniform& u : kUniform) names.emplace_back(u.name);
  return names;
}

RuleSet lrp_rules(const LrpOptions& o) {
  validate(o);
  RuleSet rules(name_of(o));
  rules.on(is_merged_norm, lrp_pass());
  const auto uniform =
      std::ranges::find_if(kUniform, [&](const Uniform& u) { return o.composite == u.name; });
  if (uniform != std::end(kUniform)) {
    LrpRule rule = rule_of(o, uniform->kind);
    rule.epsilon = o.composite == "epsilon" ? o.epsilon : kStabiliser;
    for (const LayerKind kind :
         {LayerKind::kConv, LayerKind::kConvTranspose, LayerKind::kDense, LayerKind::kBatchNorm}) {
      rules.on(kind, lrp_linear(rule));
    }
  } else if (o.composite == "vgg_tutorial") {
    add_tutorial(rules, o);
  } else {
    add_preset(rules, o);
  }
  add_others(rules, o.average_max);
  return rules;
}

RuleSet excitation_rules(NodeId negated) {
  RuleSet rules(negated < 0 ? "excitation" : "excitation against node " + std::to_string(negated));
  LrpRule plus;
  plus.kind = LrpKind::kZPlus;
  plus.bias = false;
  LrpRule minus = plus;
  minus.negated = true;
  rules.on(is_merged_norm, lrp_pass());
  if (negated >= 0) {
    rules.on([negated](const Graph&, NodeId id) { return id == negated; }, lrp_linear(minus));
  }
  const RulePtr rule = lrp_linear(plus);
  for (const LayerKind kind :
       {LayerKind::kConv, LayerKind::kConvTranspose, LayerKind::kDense, LayerKind::kBatchNorm}) {
    rules.on(kind, rule);
  }
  add_others(rules, false);
  return rules;
}

NodeId merged_norm(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!has_weights(node.layer->kind()) || node.consumers.size() != 1) return -1;
  const NodeId reader = node.consumers[0];
  return kind_of(graph, reader) == LayerKind::kBatchNorm ? reader : -1;
}

namespace {
/// Operands that are not negative give a result that is not; a constant may be.
bool keeps_sign(const Elementwise& layer) {
  return !layer.has_constant() && layer.operation() != kernels::BinaryOp::kSubtract;
}
}  // namespace

bool never_negative(const Graph& graph, NodeId id) {
  std::vector<NodeId> open{id};
  std::vector<bool> seen(static_cast<std::size_t>(id) + 1, false);
  while (!open.empty()) {
    const NodeId at = open.back();
    open.pop_back();
    if (seen[static_cast<std::size_t>(at)]) continue;
    seen[static_cast<std::size_t>(at)] = true;
    switch (kind_of(graph, at)) {
      case LayerKind::kRelu:
      case LayerKind::kSoftmax:
        continue;
      case LayerKind::kActivation:
        if (!static_cast<const ActivationLayer&>(*graph.node(at).layer).never_negative())
          return false;
        continue;
      case LayerKind::kClip:
        if (static_cast<const Clip&>(*graph.node(at).layer).rectifies()) continue;
        open.push_back(graph.node(at).inputs[0]);
        continue;
      case LayerKind::kElementwise:
        if (!keeps_sign(static_cast<const Elementwise&>(*graph.node(at).layer))) return false;
        for (const NodeId in : graph.node(at).inputs) open.push_back(in);
        continue;
      case LayerKind::kInput:
      case LayerKind::kConv:
      case LayerKind::kDense:
      case LayerKind::kBatchNorm:
      case LayerKind::kGroupNorm:
      case LayerKind::kLayerNorm:
      case LayerKind::kConvTranspose:
        return false;
      default:  // pooling, concatenation, sums, LRN: as negative as what they read
        for (const NodeId in : graph.node(at).inputs) open.push_back(in);
    }
  }
  return true;
}

bool reads_pixels(const Graph& graph, NodeId id) {
  NodeId in = graph.node(id).inputs.empty() ? id : graph.node(id).inputs[0];
  while (in > 0 && !has_weights(kind_of(graph, in)) &&
         kind_of(graph, in) != LayerKind::kBatchNorm && graph.node(in).inputs.size() == 1) {
    in = graph.node(in).inputs[0];
  }
  return in == 0;
}

}  // namespace cutaway::explain
