#include "layers/plan_builder.h"

#include <algorithm>

#include "runtime/error.h"

namespace cutaway {

PlanBuilder::PlanBuilder(
    const Graph& graph, const PlanRequest& request, Device device, int threads, CpuLevel level)
    : graph_(graph), device_(device), threads_(threads), level_(level) {
  plan_.request_ = request;
}

Plan PlanBuilder::build() {
  complete_request();
  mark_needed();
  resolve_rules();
  share_values();
  slice_concats();
  forward_steps();
  for (std::size_t k = 0; k < plan_.request_.backward.size(); ++k) backward_pass(k);
  place();
  return std::move(plan_);
}

void PlanBuilder::complete_request() {
  PlanRequest& r = plan_.request_;
  if (r.input.n == 0) r.input = graph_.node(0).shape;
  if (r.output < 0) r.output = graph_.last();
  validate(r.input, "input");
  r.engines.validate();
  plan_.shapes_ = graph_.infer(r.input);
  for (BackwardRequest& b : r.backward) {
    if (b.from < 0) b.from = r.output;
    if (b.to.empty() && !b.parameters) b.to = {0};
    check(b.from < graph_.size(), "backward from no node");
  }
}

/// Whether a node has parameters that this plan may change.
bool PlanBuilder::trains(NodeId node) const {
  return !graph_.parameters(node).empty() &&
         std::ranges::find(plan_.request_.frozen, node) == plan_.request_.frozen.end();
}

bool PlanBuilder::behaves_as_in_training(NodeId node) const {
  const PlanRequest& r = plan_.request_;
  const auto among = [node](const std::vector<NodeId>& nodes) {
    return std::ranges::find(nodes, node) != nodes.end();
  };
  return r.training && !among(r.evaluated) && !among(r.frozen);
}

void PlanBuilder::mark_needed() {
  const auto count = static_cast<std::size_t>(graph_.size());
  needed_.assign(count, false);
  pinned_.assign(count, false);
  const PlanRequest& r = plan_.request_;
  const auto pin = [&](NodeId id) {
    check(id >= 0 && id < graph_.size(), "tap of no node");
    pinned_[static_cast<std::size_t>(id)] = true;
    needed_[static_cast<std::size_t>(id)] = true;
  };
  pin(r.output);
  for (const NodeId tap : r.taps) pin(tap);
  for (const BackwardRequest& b : r.backward) needed_[static_cast<std::size_t>(b.from)] = true;
  needed_[0] = true;
  for (NodeId id = graph_.last(); id > 0; --id) {
    if (!needed_[static_cast<std::size_t>(id)]) continue;
    for (const NodeId in : graph_.node(id).inputs) needed_[static_cast<std::size_t>(in)] = true;
  }
}

void PlanBuilder::resolve_rules() {
  const auto count = static_cast<std::size_t>(graph_.size());
  keep_.assign(count, kKeepNothing);
  for (const BackwardRequest& b : plan_.request_.backward) {
    std::vector<RulePtr> rules(count);
    paths_.push_back(on_path(b));
    for (NodeId id = 1; id <= b.from; ++id) {
      const auto i = static_cast<std::size_t>(id);
      if (!paths_.back()[i]) continue;
      const Layer& layer = *graph_.node(id).layer;
      rules[i] = b.rules.resolve(graph_, id);
      keep_[i] |= rules[i]->keeps(layer);
      if (b.parameters && trains(id)) keep_[i] |= layer.parameter_gradient_keeps();
    }
    rules_.push_back(std::move(rules));
  }
}

/// True when `consumer` may overwrite (or absorb) the output of `node`: nobody else ever reads it.
bool PlanBuilder::vanishes_into(NodeId node, NodeId consumer) const {
  const auto n = static_cast<std::size_t>(node);
  const auto c = static_cast<std::size_t>(consumer);
  if (node == 0 || pinned_[n]) return false;
  int readers = 0;
  for (const NodeId other : graph_.node(node).consumers) {
    readers += needed_[static_cast<std::size_t>(other)] ? 1 : 0;
  }
  return readers == 1 && (keep_[n] & kKeepOutput) == 0 && (keep_[c] & kKeepInput) == 0;
}

Layout PlanBuilder::interior(std::int64_t channels) const {
  return device_.kind == Device::Kind::kCuda ? channels_last(channels) : kBlocked16;
}

Layout PlanBuilder::layout_of(NodeId node) const {
  const std::int64_t channels = plan_.shapes_[static_cast<std::size_t>(node)].c;
  if (node != 0 || device_.kind == Device::Kind::kCuda || channels >= 16) return interior(channels);
  // A picture of three channels in blocks of 16 would be mostly padding; a first convolution reads
  // it plain.
  for (const NodeId consumer : graph_.node(0).consumers) {
    if (!graph_.node(consumer).layer->accepts_plain_input()) return interior(channels);
  }
  return kPlain;
}

void PlanBuilder::share_values() {
  const auto count = static_cast<std::size_t>(graph_.size());
  plan_.node_values_.assign(count, kNoValue);
  merged_relu_.assign(count, -1);
  skipped_.assign(count, false);
  // Nodes that read the same memory as others; in-place work on it would be seen by all of them.
  std::vector<int> sharers;
  for (NodeId id = 0; id < graph_.size(); ++id) {
    const auto i = static_cast<std::size_t>(id);
    if (!needed_[i]) continue;
    const Node& node = graph_.node(id);
    if (!node.inputs.empty()) {
      const NodeId from = node.inputs[0];
      const auto f = static_cast<std::size_t>(from);
      const ValueId value = plan_.node_values_[f];
      if (node.layer->identity(behaves_as_in_training(id))) {
        plan_.node_values_[i] = value;
        skipped_[i] = true;
        ++sharers[static_cast<std::size_t>(value)];
        continue;
      }
      if (vanishes_into(from, id) && sharers[static_cast<std::size_t>(value)] == 0) {
        const Layer& producer = *graph_.node(from).layer;
        if (node.layer->kind() == LayerKind::kRelu && producer.fuses_relu() && !skipped_[f]) {
          plan_.node_values_[i] = value;
          merged_relu_[f] = id;
          skipped_[i] = true;
          continue;
        }
        // Inputs of a concatenation may become slices of its output, and have readers of their own.
        if (node.layer->in_place() && producer.kind() != LayerKind::kConcat) {
          plan_.node_values_[i] = value;
          continue;
        }
      }
    }
    const ValueSpec spec{plan_.shapes_[i], layout_of(id), 0};
    plan_.node_values_[i] = add_value(node.name, spec, DType::kF32, -1);
    sharers.push_back(0);
  }
}

bool PlanBuilder::can_slice(ValueId child, ValueId parent, std::int64_t offset) const {
  const Value& c = plan_.values_[static_cast<std::size_t>(child)];
  const Value& p = plan_.values_[static_cast<std::size_t>(parent)];
  if (child == parent || c.parent != kNoValue || c.dtype != p.dtype) return false;
  const bool cuda = device_.kind == Device::Kind::kCuda;
  // A block of 16 means "all 16 lanes" to a kernel (View::lanes), whichever layout it belongs to.
  if (cuda && p.spec.layout.block <= 16) return false;
  const std::int64_t unit = cuda ? 8 : p.spec.layout.block;
  const bool last = offset + c.spec.shape.c == p.spec.shape.c;
  return unit > 1 && offset % unit == 0 && (last || c.spec.shape.c % unit == 0);
}

void PlanBuilder::slice_concats() {
  const ValueId input = plan_.node_values_[0];
  for (NodeId id = graph_.last(); id > 0; --id) {
    if (!needed_[static_cast<std::size_t>(id)] ||
        graph_.node(id).layer->kind() != LayerKind::kConcat) {
      continue;
    }
    const ValueId whole = plan_.node_values_[static_cast<std::size_t>(id)];
    std::int64_t offset = 0;
    for (const NodeId in : graph_.node(id).inputs) {
      const ValueId part = plan_.node_values_[static_cast<std::size_t>(in)];
      if (part != input && can_slice(part, whole, offset)) {
        Value& v = plan_.values_[static_cast<std::size_t>(part)];
        v.parent = whole;
        v.channel_offset = offset;
      }
      offset += plan_.shapes_[static_cast<std::size_t>(in)].c;
    }
  }
  // Strides of a slice are those of the outermost whole.
  for (Value& v : plan_.values_) {
    ValueId root = v.parent;
    if (root == kNoValue) continue;
    while (plan_.values_[static_cast<std::size_t>(root)].parent != kNoValue) {
      root = plan_.values_[static_cast<std::size_t>(root)].parent;
    }
    const Value& whole = plan_.values_[static_cast<std::size_t>(root)];
    v.spec.stored_channels = whole.spec.shape.c;
    v.spec.layout = whole.spec.layout;
  }
}

ValueId PlanBuilder::add_value(std::string name, const ValueSpec& spec, DType dtype, int group) {
  Value v;
  v.name = std::move(name);
  v.spec = spec;
  v.dtype = dtype;
  v.life = {static_cast<std::size_t>(stored_count(spec.shape, spec.layout)) * size_of(dtype),
            INT32_MAX, -1, group};
  plan_.values_.push_back(std::move(v));
  return static_cast<ValueId>(plan_.values_.size()) - 1;
}

void PlanBuilder::touch(ValueId value, int time) {
  while (value != kNoValue) {
    Value& v = plan_.values_[static_cast<std::size_t>(value)];
    v.life.first = std::min(v.life.first, time);
    v.life.last = std::max(v.life.last, time);
    value = v.parent;
  }
}

ValueSpec PlanBuilder::spec_of(ValueId value) const {
  return plan_.values_[static_cast<std::size_t>(value)].spec;
}

void PlanBuilder::add_scratch(Step& step, int group) {
  const std::size_t bytes = step.prepared ? step.prepared->scratch_bytes() : 0;
  if (bytes == 0) return;
  const ValueSpec spec{{1, static_cast<std::int64_t>(bytes), 1, 1}, kPlain, 0};
  step.scratch = add_value(graph_.node(step.node).name + "/scratch", spec, DType::kU8, group);
  touch(step.scratch, step.time);
}

void PlanBuilder::forward_steps() {
  aux_.assign(static_cast<std::size_t>(graph_.size()), kNoValue);
  touch(plan_.node_values_[0], time_);
  for (NodeId id = 1; id < graph_.size(); ++id) {
    const auto i = static_cast<std::size_t>(id);
    if (!needed_[i] || skipped_[i]) continue;
    const Node& node = graph_.node(id);
    Step step;
    step.node = id;
    step.time = ++time_;
    step.relu = merged_relu_[i] >= 0;
    step.training = behaves_as_in_training(id);
    step.out = plan_.node_values_[i];
    step.out_shape = plan_.shapes_[i];
    step.in_shapes = graph_.input_shapes(id, plan_.shapes_);
    std::vector<ValueSpec> in_specs;
    std::int64_t channel = 0;
    for (const NodeId in : node.inputs) {
      const ValueId value = plan_.node_values_[static_cast<std::size_t>(in)];
      const Value& v = plan_.values_[static_cast<std::size_t>(value)];
      // A node that is concatenated twice stands at the first place only.
      const bool in_place_slice = node.layer->kind() == LayerKind::kConcat &&
                                  v.parent == step.out && v.channel_offset == channel;
      channel += v.spec.shape.c;
      step.in.push_back(in_place_slice ? kNoValue : value);
      in_specs.push_back(v.spec);
      touch(value, time_);
    }
    touch(step.out, time_);
    if (const auto aux = node.layer->aux(step.in_shapes, step.training)) {
      const Layout layout = aux->like_output ? interior(aux->shape.c) : kPlain;
      aux_[i] = add_value(node.name + "/aux", {aux->shape, layout, 0}, aux->dtype, -1);
      step.aux = aux_[i];
      touch(step.aux, time_);
    }
    PrepareContext context;
    context.device = device_;
    context.threads = threads_;
    context.level = level_;
    context.in = in_specs;
    context.out = spec_of(step.out);
    context.out.shape = step.out_shape;
    context.relu = step.relu;
    context.frozen = !plan_.request_.training || !trains(id);
    context.engines = &plan_.request_.engines;
    try {
      step.prepared = node.layer->prepare(context);
    } catch (const Error& error) {
      throw error.located(node.name);
    }
    add_scratch(step, -1);
    plan_.forward_.push_back(std::move(step));
  }
}

/// What a layer records for backward passes is not computed where none of them reads it.
void PlanBuilder::drop_unread_aux() {
  for (Step& step : plan_.forward_) {
    if (step.aux == kNoValue) continue;
    const Layer& layer = *graph_.node(step.node).layer;
    Lifetime& life = plan_.values_[static_cast<std::size_t>(step.aux)].life;
    const bool optional = layer.aux(step.in_shapes, step.training)->optional;
    if (!optional || life.last > step.time) continue;
    life = {0, 0, 0, life.group};  // no step has time 0
    step.aux = kNoValue;
  }
}

void PlanBuilder::place() {
  constexpr int kForever = INT32_MAX;
  drop_unread_aux();
  plan_.readable_.assign(static_cast<std::size_t>(graph_.size()), false);
  for (NodeId id = 0; id < graph_.size(); ++id) {
    const auto i = static_cast<std::size_t>(id);
    if (!pinned_[i] && id != 0) continue;
    touch(plan_.node_values_[i], kForever);
    plan_.readable_[i] = true;
  }
  std::vector<Lifetime> lifetimes;
  for (Value& v : plan_.values_) {
    if (v.life.last < 0) v.life.first = v.life.last = 0;
    Lifetime life = v.life;
    if (v.parent != kNoValue) life.bytes = 0;
    lifetimes.push_back(life);
  }
  const MemoryPlan memory = plan_memory(lifetimes, plan_.request_.guard ? 256 : 0);
  for (std::size_t i = 0; i < plan_.values_.size(); ++i)
    plan_.values_[i].offset = memory.offsets[i];
  plan_.arena_bytes_ = memory.bytes;
  plan_.lower_bound_ = memory.lower_bound;
}

}  // namespace cutaway
