#include "layers/plan.h"

#include <cstdio>

#include "layers/plan_builder.h"
#include "runtime/buffer.h"
#include "runtime/error.h"

namespace cutaway {

Plan Plan::build(
    const Graph& graph, const PlanRequest& request, Device device, int threads, CpuLevel level) {
  return PlanBuilder(graph, request, device, threads, level).build();
}

ValueId Plan::output_value(NodeId node) const {
  const auto i = static_cast<std::size_t>(node);
  if (node < 0 || i >= node_values_.size() || !readable_[i]) return kNoValue;
  return node_values_[i];
}

ValueId Plan::gradient_value(std::size_t k, NodeId to) const {
  for (const auto& [node, value] : gradients_.at(k)) {
    if (node == to) return value;
  }
  return kNoValue;
}

ValueId Plan::joined_value(std::size_t k, NodeId node) const {
  for (const auto& [at, value] : joined_.at(k)) {
    if (at == node) return value;
  }
  return kNoValue;
}

namespace {

std::string line_of(const Graph& graph, const std::vector<Value>& values, const Step& step) {
  const Node& node = graph.node(step.node);
  std::string what;
  ValueId shown = step.out;
  if (step.kind == Step::Kind::kForward) {
    what = std::string(node.layer->type()) + (step.relu ? "+relu" : "");
  } else if (step.kind == Step::Kind::kBackward) {
    what = "d " + std::string(node.layer->type()) + " by " + std::string(step.rule->name());
    shown = kNoValue;
    for (const ValueId dx : step.dx) shown = shown == kNoValue ? dx : shown;
  } else {
    what = "accumulate";
  }
  std::string place = "-";
  if (shown != kNoValue) {
    const Value& v = values[static_cast<std::size_t>(shown)];
    place = to_string(v.spec.shape) + " b" + std::to_string(v.spec.layout.block) + " " +
            format_bytes(v.life.bytes);
    if (v.parent != kNoValue) {
      place += " in " + values[static_cast<std::size_t>(v.parent)].name + " at channel " +
               std::to_string(v.channel_offset);
    } else {
      place += " @" + std::to_string(v.offset) + " [" + std::to_string(v.life.first) + ", " +
               (v.life.last == INT32_MAX ? "end" : std::to_string(v.life.last)) + "]";
    }
  }
  const std::string note = step.prepared ? step.prepared->note() : "";
  char text[512];
  std::snprintf(text, sizeof text, "%4d  %-28s %-22s %-60s %s\n", step.time, node.name.c_str(),
                what.c_str(), place.c_str(), note.c_str());
  return text;
}

}  // namespace

std::string Plan::report(const Graph& graph) const {
  std::string text = "arena " + format_bytes(arena_bytes_) + " (at least " +
                     format_bytes(lower_bound_) + " are alive at once), " +
                     std::to_string(forward_.size()) + " forward steps\n";
  for (const Step& step : forward_) text += line_of(graph, values_, step);
  for (std::size_t k = 0; k < backward_.size(); ++k) {
    text += "backward " + std::to_string(k) + " (" + request_.backward[k].rules.name() + " from " +
            graph.node(request_.backward[k].from).name + ")\n";
    for (const Step& step : backward_[k]) text += line_of(graph, values_, step);
  }
  return text;
}

}  // namespace cutaway
