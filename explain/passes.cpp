#include <algorithm>
#include <bit>

#include "explain/method.h"
#include "runtime/error.h"

namespace cutaway::explain {

NodeId required_layer(const Setting& setting) {
  if (setting.layer >= 0) return setting.layer;
  throw Error(ErrorKind::kUnsupported, setting.layer_why).hint("name a layer");
}

double share_above(const Graph& graph, NodeId layer) {
  double above = 0.0;
  for (NodeId id = layer + 1; id < graph.size(); ++id) {
    std::vector<Shape> in;
    for (const NodeId input : graph.node(id).inputs) in.push_back(graph.node(input).shape);
    above += static_cast<double>(graph.node(id).layer->macs(in));
  }
  const double all = static_cast<double>(graph.macs());
  return all > 0.0 ? above / all : 1.0;
}

void Needs::tap(NodeId node) {
  if (std::ranges::find(taps_, node) == taps_.end()) taps_.push_back(node);
}

std::size_t Needs::backward(const RuleSet& rules, NodeId from, NodeId to) {
  for (std::size_t k = 0; k < passes_.size(); ++k) {
    BackwardRequest& pass = passes_[k];
    if (pass.rules.name() != rules.name() || pass.from != from) continue;
    if (std::ranges::find(pass.to, to) == pass.to.end()) pass.to.push_back(to);
    return k;
  }
  BackwardRequest pass;
  pass.rules = rules;
  pass.from = from;
  pass.to = {to};
  passes_.push_back(std::move(pass));
  return passes_.size() - 1;
}

Passes::Passes(Executor& executor,
               EvaluatorPool& evaluators,
               const Setting& setting,
               const Tensor& input,
               std::span<const std::int64_t> targets,
               std::span<const std::uint64_t> numbers)
    : executor_(executor),
      evaluators_(evaluators),
      setting_(setting),
      input_(input),
      targets_(targets),
      numbers_(numbers) {}

std::span<const float> Passes::scores(std::int64_t n) {
  const Tensor& logits = tap(setting_.logits);
  const auto classes = static_cast<std::size_t>(logits.shape().c);
  return logits.f32().subspan(static_cast<std::size_t>(n) * classes, classes);
}

std::uint64_t Passes::image_number(std::int64_t n) const {
  if (!numbers_.empty()) return numbers_[static_cast<std::size_t>(n)];
  const auto size = static_cast<std::size_t>(input_.shape().c * input_.shape().plane());
  std::uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a, a word at a time
  for (const float v : input_.f32().subspan(static_cast<std::size_t>(n) * size, size)) {
    hash = (hash ^ std::bit_cast<std::uint32_t>(v)) * 0x100000001B3u;
  }
  return hash;
}

const Tensor& Passes::tap(NodeId node) {
  for (const auto& known : taps_) {
    if (known->node == node) return known->value;
  }
  taps_.push_back(std::make_unique<Result>(Result{0, node, executor_.read(executor_.value(node))}));
  return taps_.back()->value;
}

const Tensor& Passes::gradient(std::size_t k, NodeId to) {
  const auto known = [&]() -> const Tensor* {
    for (const auto& g : gradients_) {
      if (g->pass == k && g->node == to) return &g->value;
    }
    return nullptr;
  };
  if (const Tensor* value = known()) return *value;
  std::vector<Executor::Unit> units;
  for (const std::int64_t target : targets_) units.push_back({target, 0, 0, 1.0f});
  executor_.seed_units(k, units);
  executor_.backward(k);
  // All that this pass was planned to bring, while it is there.
  for (const NodeId node : executor_.plan().request().backward[k].to) {
    gradients_.push_back(
        std::make_unique<Result>(Result{k, node, executor_.read(executor_.gradient(k, node))}));
  }
  const Tensor* value = known();
  check(value != nullptr, "a method asks for a gradient it did not plan");
  return *value;
}

Tensor Passes::gradient(std::size_t k, NodeId to, std::span<const Executor::Unit> units) {
  executor_.seed_units(k, units);
  executor_.backward(k);
  return executor_.read(executor_.gradient(k, to));
}

Tensor Passes::gradient(std::size_t k, NodeId to, const Tensor& seed) {
  executor_.set_seed(k, seed);
  executor_.backward(k);
  return executor_.read(executor_.gradient(k, to));
}

}  // namespace cutaway::explain
