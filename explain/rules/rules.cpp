#include "explain/rules/rules.h"

#include "explain/rules/gates.h"
#include "kernels/activation.h"
#include "kernels/elementwise.h"
#include "kernels/pool.h"
#include "layers/activation.h"
#include "layers/clip.h"
#include "layers/leaky_relu.h"
#include "layers/max_pool.h"

namespace cutaway::explain {
namespace {

/// One of the three ways through a ReLU.
class ReluRule final : public BackwardRule {
 public:
  explicit ReluRule(kernels::ReluRule rule) : rule_(rule) {}
  std::string_view name() const noexcept override {
    return rule_ == kernels::ReluRule::kDeconvnet ? "deconvnet ReLU" : "guided ReLU";
  }
  std::string declines(const Layer& layer) const override {
    return layer.kind() == LayerKind::kRelu ? "" : "it is for ReLU layers";
  }
  std::uint8_t keeps(const Layer&) const override {
    return rule_ == kernels::ReluRule::kDeconvnet ? kKeepNothing : kKeepOutput;
  }
  bool in_place(const Layer&) const override { return true; }
  void apply(const Layer&, const BackCall& c) const override {
    if (!c.dx[0]) return;
    // The deconvnet's rule does not look at y, which the plan then did not keep.
    const View<const float> y = rule_ == kernels::ReluRule::kDeconvnet ? c.dy.in() : c.out.in();
    kernels::run(c.stream, kernels::ReluBackward{y, c.dy.in(), c.dx[0].out(), rule_});
  }

 private:
  kernels::ReluRule rule_;
};

/// The same of a ReLU that leaks.
class LeakyReluRule final : public BackwardRule {
 public:
  explicit LeakyReluRule(kernels::ReluRule rule) : rule_(rule) {}
  std::string_view name() const noexcept override {
    return rule_ == kernels::ReluRule::kDeconvnet ? "deconvnet leaky ReLU" : "guided leaky ReLU";
  }
  std::string declines(const Layer& layer) const override {
    return layer.kind() == LayerKind::kLeakyRelu ? "" : "it is for leaky ReLU layers";
  }
  std::uint8_t keeps(const Layer&) const override {
    return rule_ == kernels::ReluRule::kDeconvnet ? kKeepNothing : kKeepOutput;
  }
  bool in_place(const Layer&) const override { return true; }
  void apply(const Layer& layer, const BackCall& c) const override {
    if (!c.dx[0]) return;
    const View<const float> y = rule_ == kernels::ReluRule::kDeconvnet ? c.dy.in() : c.out.in();
    const float slope = dynamic_cast<const LeakyRelu&>(layer).slope();
    kernels::run(c.stream, kernels::LeakyReluBackward{y, c.dy.in(), c.dx[0].out(), slope, rule_});
  }

 private:
  kernels::ReluRule rule_;
};

/// The same of a ReLU with a ceiling (ReLU6). A clip that lets negative values through is no
/// rectifier and passes its gradient.
class ClipRule final : public BackwardRule {
 public:
  explicit ClipRule(kernels::ReluRule rule) : rule_(rule) {}
  std::string_view name() const noexcept override {
    return rule_ == kernels::ReluRule::kDeconvnet ? "deconvnet clip" : "guided clip";
  }
  std::string declines(const Layer& layer) const override {
    return layer.kind() == LayerKind::kClip ? "" : "it is for clips";
  }
  std::uint8_t keeps(const Layer& layer) const override {
    return rule_of(layer) == kernels::ReluRule::kDeconvnet ? kKeepNothing : kKeepOutput;
  }
  bool in_place(const Layer&) const override { return true; }
  void apply(const Layer& layer, const BackCall& c) const override {
    if (!c.dx[0]) return;
    const kernels::ReluRule rule = rule_of(layer);
    const View<const float> y = rule == kernels::ReluRule::kDeconvnet ? c.dy.in() : c.out.in();
    const auto& clip = dynamic_cast<const Clip&>(layer);
    kernels::run(c.stream,
                 kernels::ClipBackward{y, c.dy.in(), c.dx[0].out(), clip.low(), clip.high(), rule});
  }

 private:
  kernels::ReluRule rule_of(const Layer& layer) const {
    return dynamic_cast<const Clip&>(layer).rectifies() ? rule_ : kernels::ReluRule::kGradient;
  }
  kernels::ReluRule rule_;
};

/// The same of the other rectifiers: smooth ones (SiLU, GELU, ELU, ...) and PReLU. The deconvnet's
/// signal goes through a plain ReLU, guided backpropagation takes the gradient of what is positive.
/// Functions that squash (sigmoid, tanh) are no rectifiers and pass their gradient.
class RectifierRule final : public BackwardRule {
 public:
  explicit RectifierRule(kernels::ReluRule rule) : rule_(rule) {}
  std::string_view name() const noexcept override {
    return rule_ == kernels::ReluRule::kDeconvnet ? "deconvnet activation" : "guided activation";
  }
  std::string declines(const Layer& layer) const override {
    const LayerKind kind = layer.kind();
    return kind == LayerKind::kActivation || kind == LayerKind::kPRelu ? ""
                                                                       : "it is for activations";
  }
  std::uint8_t keeps(const Layer& layer) const override {
    return rule_of(layer) == kernels::ReluRule::kDeconvnet ? kKeepNothing : kKeepInput;
  }
  bool in_place(const Layer&) const override { return true; }
  void apply(const Layer& layer, const BackCall& c) const override {
    if (!c.dx[0]) return;
    const kernels::ReluRule rule = rule_of(layer);
    if (rule == kernels::ReluRule::kDeconvnet) {
      kernels::run(c.stream, kernels::Relu{c.dy.in(), c.dx[0].out()});
    } else if (const auto* activation = dynamic_cast<const ActivationLayer*>(&layer)) {
      kernels::run(c.stream, kernels::ActivateBackward{c.in[0].in(), c.dy.in(), c.dx[0].out(),
                                                       activation->function(), rule});
    } else {
      kernels::run(c.stream, kernels::PReluBackward{c.in[0].in(), c.dy.in(), c.dx[0].out(),
                                                    c.params[0].in().data, rule});
    }
  }

 private:
  kernels::ReluRule rule_of(const Layer& layer) const {
    const auto* activation = dynamic_cast<const ActivationLayer*>(&layer);
    const bool squashes = activation != nullptr && activation->squashes();
    return squashes ? kernels::ReluRule::kGradient : rule_;
  }
  kernels::ReluRule rule_;
};

/// R passes unchanged through a layer that keeps the shape.
class PassRule final : public BackwardRule {
 public:
  std::string_view name() const noexcept override { return "pass"; }
  std::string declines(const Layer&) const override { return {}; }
  std::uint8_t keeps(const Layer&) const override { return kKeepNothing; }
  void apply(const Layer&, const BackCall& c) const override {
    if (c.dx[0]) kernels::run(c.stream, kernels::Reorder{c.dy.in(), c.dx[0].out()});
  }
};

/// Unpooling in which the last window of those that share a switch wins.
class OverwriteRule final : public BackwardRule {
 public:
  std::string_view name() const noexcept override { return "unpooling, last window wins"; }
  std::string declines(const Layer& layer) const override {
    return layer.kind() == LayerKind::kMaxPool ? "" : "it is for max poolings";
  }
  std::uint8_t keeps(const Layer& layer) const override { return layer.vjp_keeps(); }
  void apply(const Layer& layer, const BackCall& c) const override {
    if (!c.dx[0]) return;
    kernels::run(c.stream,
                 kernels::MaxUnpool{c.dy.in(), c.aux.view<const std::uint8_t>(), c.dx[0].out(),
                                    dynamic_cast<const MaxPool&>(layer).geometry(),
                                    kernels::Overlap::kOverwrite});
  }
};

RulePtr no_softmax() { return refuse("seed at the logits, not at the probabilities"); }

}  // namespace

RuleSet deconvnet_rules(bool lrn_gradient, bool overwrite) {
  RuleSet rules(std::string("deconvnet") + (lrn_gradient ? " (LRN gradient)" : "") +
                (overwrite ? " (last window wins)" : ""));
  if (overwrite) rules.on(LayerKind::kMaxPool, std::make_shared<OverwriteRule>());
  rules.on(LayerKind::kRelu, std::make_shared<ReluRule>(kernels::ReluRule::kDeconvnet));
  rules.on(LayerKind::kLeakyRelu, std::make_shared<LeakyReluRule>(kernels::ReluRule::kDeconvnet));
  rules.on(LayerKind::kClip, std::make_shared<ClipRule>(kernels::ReluRule::kDeconvnet));
  const RulePtr rectifier = std::make_shared<RectifierRule>(kernels::ReluRule::kDeconvnet);
  rules.on(LayerKind::kActivation, rectifier).on(LayerKind::kPRelu, rectifier);
  if (!lrn_gradient) rules.on(LayerKind::kLrn, std::make_shared<PassRule>());
  return rules.on(LayerKind::kSoftmax, no_softmax()).otherwise(vjp_rule());
}

RuleSet guided_rules() {
  RuleSet rules("guided backpropagation");
  const RulePtr rectifier = std::make_shared<RectifierRule>(kernels::ReluRule::kGuided);
  rules.on(LayerKind::kActivation, rectifier).on(LayerKind::kPRelu, rectifier);
  return rules.on(LayerKind::kRelu, std::make_shared<ReluRule>(kernels::ReluRule::kGuided))
      .on(LayerKind::kLeakyRelu, std::make_shared<LeakyReluRule>(kernels::ReluRule::kGuided))
      .on(LayerKind::kClip, std::make_shared<ClipRule>(kernels::ReluRule::kGuided))
      .on(LayerKind::kSoftmax, no_softmax())
      .otherwise(vjp_rule());
}

}  // namespace cutaway::explain
