#pragma once

#include <vector>

#include "layers/plan.h"

namespace cutaway {

/// Builds a Plan in five moves: what must run and be kept; which nodes share a value; forward
/// steps; backward steps; memory. Internal to layers/.
class PlanBuilder {
 public:
  PlanBuilder(
      const Graph& graph, const PlanRequest& request, Device device, int threads, CpuLevel level);
  Plan build();

 private:
  // plan_builder.cpp: the forward half
  void complete_request();
  void mark_needed();
  void resolve_rules();
  void share_values();
  void slice_concats();
  void forward_steps();
  [[nodiscard]] bool trains(NodeId node) const;
  [[nodiscard]] bool behaves_as_in_training(NodeId node) const;
  [[nodiscard]] bool vanishes_into(NodeId node, NodeId consumer) const;
  [[nodiscard]] Layout layout_of(NodeId node) const;
  [[nodiscard]] Layout interior(std::int64_t channels) const;
  [[nodiscard]] bool can_slice(ValueId child, ValueId parent, std::int64_t offset) const;
  ValueId add_value(std::string name, const ValueSpec& spec, DType dtype, int group);
  void add_scratch(Step& step, int group);
  void touch(ValueId value, int time);
  [[nodiscard]] ValueSpec spec_of(ValueId value) const;

  // plan_backward.cpp: the backward half
  void backward_pass(std::size_t k);
  [[nodiscard]] std::vector<bool> on_path(const BackwardRequest& request) const;
  void backward_step(std::size_t k, NodeId node, const std::vector<bool>& wanted);
  void join_seeds(std::size_t k, const std::vector<bool>& path);
  void contribute(
      std::size_t k, NodeId node, std::size_t input, Step& step, std::vector<Step>& after);
  bool pass_without_step(NodeId node, NodeId input, std::size_t index);
  ValueId cotangent(NodeId node, int group);
  [[nodiscard]] bool is_protected(ValueId value) const;
  void prepare_backward(Step& step);

  // memory
  void drop_unread_aux();
  void place();

  const Graph& graph_;
  Device device_;
  int threads_;
  CpuLevel level_;
  Plan plan_;
  std::vector<bool> needed_;
  std::vector<bool> pinned_;                 // taps and the output
  std::vector<std::uint8_t> keep_;           // per node, union over the backward requests
  std::vector<std::vector<RulePtr>> rules_;  // [request][node]
  std::vector<std::vector<bool>> paths_;     // [request][node]
  std::vector<NodeId> merged_relu_;          // per node: the ReLU fused into it, or -1
  std::vector<bool> skipped_;                // per node: no step of its own
  std::vector<ValueId> aux_;
  std::vector<ValueId> cotangents_;  // per node, of the request being built
  int time_{0};
};

}  // namespace cutaway
