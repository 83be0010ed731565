#include "explain/rules/gates.h"

#include "kernels/broadcast.h"
#include "kernels/elementwise.h"
#include "layers/activation.h"
#include "layers/clip.h"
#include "layers/elementwise.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

const Elementwise* product_at(const Graph& graph, NodeId id) {
  const auto* layer = dynamic_cast<const Elementwise*>(graph.node(id).layer.get());
  const bool product = layer != nullptr && !layer->has_constant() &&
                       (layer->operation() == kernels::BinaryOp::kMultiply ||
                        layer->operation() == kernels::BinaryOp::kDivide);
  return product ? layer : nullptr;
}

/// Carries values on as they are, or scaled and shifted.
bool carries(const Layer& layer) {
  switch (layer.kind()) {
    case LayerKind::kDropout:
    case LayerKind::kFlatten:
    case LayerKind::kSlice:
    case LayerKind::kRearrange:
    case LayerKind::kResize:
      return true;
    case LayerKind::kElementwise:
      return static_cast<const Elementwise&>(layer).has_constant();
    default:
      return false;
  }
}

/// How much a factor looks like a gate: 2, 1 or 0.
int gate_rank(const Graph& graph, NodeId id) {
  while (id > 0 && carries(*graph.node(id).layer)) id = graph.node(id).inputs[0];
  const Layer& layer = *graph.node(id).layer;
  if (layer.kind() == LayerKind::kSoftmax) return 2;
  if (const auto* clip = dynamic_cast<const Clip*>(&layer)) return clip->rectifies() ? 2 : 0;
  const auto* activation = dynamic_cast<const ActivationLayer*>(&layer);
  if (activation == nullptr || !activation->squashes()) return 0;
  return activation->never_negative() ? 2 : 1;
}

std::int64_t size_of(const Graph& graph, NodeId id) { return graph.node(id).shape.count(); }

/// What the step of a product needs to know of the graph.
struct PreparedGate final : Prepared {
  std::int32_t gate{-1};
};

class SignalRule final : public BackwardRule {
 public:
  std::string_view name() const noexcept override { return "signal takes all"; }
  std::string declines(const Layer& layer) const override {
    return layer.kind() == LayerKind::kElementwise ? "" : "it is for products";
  }
  std::uint8_t keeps(const Layer&) const override { return kKeepNothing; }
  std::unique_ptr<Prepared> prepare(const Layer&, const PrepareContext& c) const override {
    check(c.graph != nullptr, "a rule of relevance propagation needs the graph");
    auto p = std::make_unique<PreparedGate>();
    p->gate = gate_of(*c.graph, c.node);
    return p;
  }
  void apply(const Layer&, const BackCall& c) const override {
    const auto& p = *static_cast<const PreparedGate*>(c.prepared);
    for (std::size_t j = 0; j < c.dx.size(); ++j) {
      if (!c.dx[j]) continue;
      if (static_cast<std::int32_t>(j) == p.gate) {
        kernels::run(c.stream, kernels::Fill{c.dx[j].out(), 0.0F});
        continue;
      }
      // As through a sum: a signal that was broadcast gets the relevance of all its places.
      kernels::run(c.stream,
                   kernels::BinaryBackward{c.in[0].in(), c.in[1].in(), c.dy.in(), c.dx[j].out(),
                                           kernels::BinaryOp::kAdd, static_cast<std::int32_t>(j)});
    }
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

}  // namespace

bool is_product(const Graph& graph, NodeId id) { return product_at(graph, id) != nullptr; }

std::int32_t gate_of(const Graph& graph, NodeId id) {
  const Elementwise* product = product_at(graph, id);
  if (product == nullptr) return -1;
  if (product->operation() == kernels::BinaryOp::kDivide) return 1;
  const NodeId a = graph.node(id).inputs[0], b = graph.node(id).inputs[1];
  const int ranks = gate_rank(graph, a) - gate_rank(graph, b);
  if (ranks != 0) return ranks > 0 ? 0 : 1;
  if (size_of(graph, a) != size_of(graph, b)) return size_of(graph, a) < size_of(graph, b) ? 0 : 1;
  return -1;
}

RulePtr signal_takes_all() { return std::make_shared<SignalRule>(); }

RulePtr refuse(std::string reason) { return std::make_shared<RefuseRule>(std::move(reason)); }

}  // namespace cutaway::explain
