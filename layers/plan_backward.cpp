#include <algorithm>

#include "layers/plan_builder.h"
#include "runtime/error.h"

namespace cutaway {

/// Nodes whose output cotangent this pass needs: ancestors of `from` through which the signal
/// reaches a node of `to` or, when parameters are wanted, a trainable parameter.
std::vector<bool> PlanBuilder::on_path(const BackwardRequest& request) const {
  const auto count = static_cast<std::size_t>(graph_.size());
  std::vector<bool> above(count, false);  // ancestors of from
  above[static_cast<std::size_t>(request.from)] = true;
  for (NodeId id = request.from; id > 0; --id) {
    if (!above[static_cast<std::size_t>(id)]) continue;
    for (const NodeId in : graph_.node(id).inputs) above[static_cast<std::size_t>(in)] = true;
  }
  for (const NodeId node : request.joined) {
    if (!above.at(static_cast<std::size_t>(node))) {
      throw Error(ErrorKind::kUsage, "no path down from '" + graph_.node(request.from).name +
                                         "' to '" + graph_.node(node).name + "'")
          .hint("a loss reads layers that the class scores depend on");
    }
  }
  std::vector<bool> path(count, false);
  for (const NodeId to : request.to) {
    check(to >= 0 && to < graph_.size(), "backward to no node");
    if (!above[static_cast<std::size_t>(to)]) {
      throw Error(ErrorKind::kUsage, "no path down from '" + graph_.node(request.from).name +
                                         "' to '" + graph_.node(to).name + "'")
          .hint("explain a layer that stands above the one where the map is taken");
    }
    path[static_cast<std::size_t>(to)] = true;
  }
  for (NodeId id = 0; id <= request.from; ++id) {
    const auto i = static_cast<std::size_t>(id);
    if (!above[i] || path[i]) continue;
    const Node& node = graph_.node(id);
    bool wanted = request.parameters && trains(id);
    for (const NodeId in : node.inputs) wanted = wanted || path[static_cast<std::size_t>(in)];
    path[i] = wanted;
  }
  return path;
}

bool PlanBuilder::is_protected(ValueId value) const {
  while (value != kNoValue) {
    const Value& v = plan_.values_[static_cast<std::size_t>(value)];
    if (v.is_protected) return true;
    value = v.parent;
  }
  return false;
}

ValueId PlanBuilder::cotangent(NodeId node, int group) {
  const Shape& shape = plan_.shapes_[static_cast<std::size_t>(node)];
  return add_value("d " + graph_.node(node).name, {shape, interior(shape.c), 0}, DType::kF32,
                   group);
}

void PlanBuilder::backward_pass(std::size_t k) {
  const BackwardRequest& request = plan_.request_.backward[k];
  const int forward_end = static_cast<int>(plan_.forward_.size());
  const int group = static_cast<int>(k);
  time_ = forward_end;
  cotangents_.assign(static_cast<std::size_t>(graph_.size()), kNoValue);
  plan_.backward_.emplace_back();
  plan_.gradients_.emplace_back();

  const ValueId seed = cotangent(request.from, group);
  plan_.values_[static_cast<std::size_t>(seed)].is_protected = true;
  // Written before the first step, and as it was afterwards, so that a pass can run again.
  touch(seed, forward_end);
  touch(seed, INT32_MAX);
  plan_.seeds_.push_back(seed);
  cotangents_[static_cast<std::size_t>(request.from)] = seed;

  const std::vector<bool>& path = paths_[k];
  join_seeds(k, path);
  for (NodeId id = request.from; id > 0; --id) {
    const auto i = static_cast<std::size_t>(id);
    if (path[i] && cotangents_[i] != kNoValue) backward_step(k, id, path);
  }
  for (const NodeId to : request.to) {
    const ValueId value = cotangents_[static_cast<std::size_t>(to)];
    check(value != kNoValue, "a backward pass did not arrive");
    touch(value, INT32_MAX);
    plan_.gradients_.back().emplace_back(to, value);
  }
}

/// Further seeds are there before the first step, and what comes down to their nodes is added to
/// them.
void PlanBuilder::join_seeds(std::size_t k, const std::vector<bool>& path) {
  const BackwardRequest& request = plan_.request_.backward[k];
  const int forward_end = static_cast<int>(plan_.forward_.size());
  plan_.joined_.emplace_back();
  for (const NodeId node : request.joined) {
    const auto i = static_cast<std::size_t>(node);
    check(node >= 0 && node < request.from, "a seed joins below the first");
    const ValueId value = cotangent(node, static_cast<int>(k));
    // Nothing trains below: the seed is written and not read.
    if (path[i]) cotangents_[i] = value;
    if (std::ranges::find(request.to, node) != request.to.end())
      plan_.values_[static_cast<std::size_t>(value)].is_protected = true;
    touch(value, forward_end);
    plan_.joined_.back().emplace_back(node, value);
  }
}

/// The signal passes unchanged: an identity layer, or a concatenation whose inputs' cotangents can
/// be slices of its own. Only for the first contribution to an input, and never through memory that
/// must stay as it is.
bool PlanBuilder::pass_without_step(NodeId id, NodeId input, std::size_t index) {
  const auto in = static_cast<std::size_t>(input);
  const ValueId dy = cotangents_[static_cast<std::size_t>(id)];
  if (cotangents_[in] != kNoValue || is_protected(dy)) return false;
  const Node& node = graph_.node(id);
  if (node.layer->identity(behaves_as_in_training(id))) {
    cotangents_[in] = dy;
    return true;
  }
  if (node.layer->kind() != LayerKind::kConcat) return false;
  std::int64_t offset = 0;
  for (std::size_t j = 0; j < index; ++j) {
    offset += plan_.shapes_[static_cast<std::size_t>(node.inputs[j])].c;
  }
  const Value& whole = plan_.values_[static_cast<std::size_t>(dy)];
  const int group = whole.life.group;
  const ValueId slice = cotangent(input, group);
  if (!can_slice(slice, dy, offset)) {
    plan_.values_.pop_back();
    return false;
  }
  Value& v = plan_.values_[static_cast<std::size_t>(slice)];
  const Value& parent = plan_.values_[static_cast<std::size_t>(dy)];
  v.parent = dy;
  v.channel_offset = offset;
  v.spec.layout = parent.spec.layout;
  v.spec.stored_channels =
      parent.spec.stored_channels > 0 ? parent.spec.stored_channels : parent.spec.shape.c;
  cotangents_[in] = slice;
  return true;
}

void PlanBuilder::contribute(
    std::size_t k, NodeId id, std::size_t index, Step& step, std::vector<Step>& after) {
  const NodeId input = graph_.node(id).inputs[index];
  const auto in = static_cast<std::size_t>(input);
  const int group = static_cast<int>(k);
  const auto& to = plan_.request_.backward[k].to;
  if (cotangents_[in] == kNoValue) {
    const bool result = std::ranges::find(to, input) != to.end();
    const bool over_dy = index == 0 && !result && step.rule->in_place(*graph_.node(id).layer) &&
                         !is_protected(step.dy);
    cotangents_[in] = over_dy ? step.dy : cotangent(input, group);
    if (result) plan_.values_[static_cast<std::size_t>(cotangents_[in])].is_protected = true;
    step.dx[index] = cotangents_[in];
    return;
  }
  const ValueId part = cotangent(input, group);
  step.dx[index] = part;
  Step add;
  add.kind = Step::Kind::kAccumulate;
  add.node = input;
  add.in = {cotangents_[in], part};
  add.out = cotangents_[in];
  add.out_shape = plan_.shapes_[in];
  after.push_back(std::move(add));
}

void PlanBuilder::backward_step(std::size_t k, NodeId id, const std::vector<bool>& path) {
  const auto i = static_cast<std::size_t>(id);
  const Node& node = graph_.node(id);
  const BackwardRequest& request = plan_.request_.backward[k];
  Step step;
  step.kind = Step::Kind::kBackward;
  step.node = id;
  step.rule = rules_[k][i];
  step.dy = cotangents_[i];
  step.out_shape = plan_.shapes_[i];
  step.in_shapes = graph_.input_shapes(id, plan_.shapes_);
  step.dx.assign(node.inputs.size(), kNoValue);
  step.parameters = request.parameters && trains(id);
  step.training = behaves_as_in_training(id);
  step.also_reads = step.rule->also_reads(graph_, id);

  const bool once = plan_.request_.single_backward;
  std::vector<Step> after;
  bool has_work = step.parameters;
  for (std::size_t j = 0; j < node.inputs.size(); ++j) {
    const NodeId input = node.inputs[j];
    if (!path[static_cast<std::size_t>(input)]) continue;
    if (std::ranges::find(request.to, input) == request.to.end() &&
        pass_without_step(id, input, j)) {
      continue;
    }
    contribute(k, id, j, step, after);
    has_work = true;
  }
  if (!has_work) return;

  step.time = ++time_;
  const auto keep = static_cast<std::uint8_t>(
      step.rule->keeps(*node.layer) |
      (step.parameters ? node.layer->parameter_gradient_keeps() : std::uint8_t{kKeepNothing}));
  // Several backward passes may follow one forward: what they read must outlive them all.
  const int read_until = once ? step.time : INT32_MAX;
  for (const NodeId input : node.inputs) {
    const ValueId value = plan_.node_values_[static_cast<std::size_t>(input)];
    const bool kept = (keep & kKeepInput) != 0;
    step.in.push_back(kept ? value : kNoValue);
    if (kept) touch(value, read_until);
  }
  if ((keep & kKeepOutput) != 0) {
    step.out = plan_.node_values_[i];
    touch(step.out, read_until);
  }
  if ((keep & kKeepAux) != 0 && aux_[i] != kNoValue) {
    step.aux = aux_[i];
    touch(step.aux, read_until);
  }
  touch(step.dy, step.time);
  for (const ValueId dx : step.dx) touch(dx, step.time);
  prepare_backward(step);
  add_scratch(step, static_cast<int>(k));
  plan_.backward_[k].push_back(std::move(step));
  for (Step& add : after) {
    add.time = ++time_;
    for (const ValueId value : add.in) touch(value, add.time);
    plan_.backward_[k].push_back(std::move(add));
  }
}

void PlanBuilder::prepare_backward(Step& step) {
  const Node& node = graph_.node(step.node);
  std::vector<ValueSpec> in, dx;
  for (std::size_t j = 0; j < node.inputs.size(); ++j) {
    const auto input = static_cast<std::size_t>(node.inputs[j]);
    in.push_back(spec_of(plan_.node_values_[input]));
    in.back().shape = step.in_shapes[j];
    dx.push_back(step.dx[j] == kNoValue ? ValueSpec{{0, 0, 0, 0}, kPlain, 0} : spec_of(step.dx[j]));
  }
  PrepareContext context;
  context.device = device_;
  context.threads = threads_;
  context.level = level_;
  context.in = in;
  context.out = spec_of(plan_.node_values_[static_cast<std::size_t>(step.node)]);
  context.out.shape = step.out_shape;
  context.frozen = !plan_.request_.training || !trains(step.node);
  context.dx = dx;
  context.dy = spec_of(step.dy);
  context.wants_dparams = step.parameters;
  context.engines = &plan_.request_.engines;
  context.graph = &graph_;
  context.node = step.node;
  try {
    step.prepared = step.rule->prepare(*node.layer, context);
  } catch (const Error& error) {
    throw error.located(node.name);
  }
}

}  // namespace cutaway
