#include "explain/rules/rules.h"

#include "kernels/elementwise.h"

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
    const View<const float> y =
        rule_ == kernels::ReluRule::kDeconvnet ? c.dy.in() : c.out.in();
    kernels::run(c.stream, kernels::ReluBackward{y, c.dy.in(), c.dx[0].out(), rule_});
  }

 private:
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

class RefuseRule final : public BackwardRule {
 public:
  explicit RefuseRule(std::string reason) : reason_(std::move(reason)) {}
  std::string_view name() const noexcept override { return "refused"; }
  std::string declines(const Layer&) const override { return reason_; }
  std::uint8_t keeps(const Layer&) const override { return kKeepNothing; }
  void apply(const Layer&, const BackCall&) const override {}

 private:
  std::string reason_;
};

RulePtr no_softmax() {
  return std::make_shared<RefuseRule>("seed at the logits, not at the probabilities");
}

}  // namespace

RuleSet deconvnet_rules(bool lrn_gradient) {
  RuleSet rules(lrn_gradient ? "deconvnet (LRN gradient)" : "deconvnet");
  rules.on(LayerKind::kRelu, std::make_shared<ReluRule>(kernels::ReluRule::kDeconvnet));
  if (!lrn_gradient) rules.on(LayerKind::kLrn, std::make_shared<PassRule>());
  return rules.on(LayerKind::kSoftmax, no_softmax()).otherwise(vjp_rule());
}

RuleSet guided_rules() {
  RuleSet rules("guided backpropagation");
  return rules.on(LayerKind::kRelu, std::make_shared<ReluRule>(kernels::ReluRule::kGuided))
      .on(LayerKind::kSoftmax, no_softmax())
      .otherwise(vjp_rule());
}

}  // namespace cutaway::explain
