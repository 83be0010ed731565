#pragma once

#include <memory>
#include <string>
#include <vector>

#include "layers/graph.h"
#include "layers/memory_plan.h"
#include "layers/rule.h"

namespace cutaway {

/// A backward pass: a signal seeded at the output of `from` comes down by `rules` to the outputs of
/// `to`.
struct BackwardRequest {
  RuleSet rules{gradient_rules()};
  NodeId from{-1};         ///< -1: the output
  std::vector<NodeId> to;  ///< ancestors of `from`; empty: the input, unless parameters are wanted
  bool parameters{false};  ///< gradients of all trainable parameters above `to`
  /// Ancestors of `from` where the signal of a further seed is added: a loss may read several
  /// layers. These seeds are filled like the first, before every pass, which overwrites them.
  std::vector<NodeId> joined{};
};

/// What a plan is to make possible.
struct PlanRequest {
  Shape input{0, 0, 0, 0};   ///< n = 0: one image of the graph's own size
  NodeId output{-1};         ///< -1: the last node
  std::vector<NodeId> taps;  ///< nodes whose outputs can be read after forward()
  std::vector<BackwardRequest> backward;
  bool training{false};  ///< dropout drops, batch normalisation uses the batch, weights may change
  /// Training: nodes whose parameters stay as they are. They behave as in evaluation and get no
  /// gradients, no signal goes down to layers that have nothing trainable below, and their weights
  /// are transformed once.
  std::vector<NodeId> frozen;
  /// Training: nodes that behave as in evaluation. Batch normalisation then uses its running
  /// estimates and leaves them as they are; its scale and shift may train all the same.
  std::vector<NodeId> evaluated;
  /// Each forward() is followed by at most one backward(): values may die on the way down
  /// (training).
  bool single_backward{false};
  kernels::EngineOptions engines;
#if defined(NDEBUG)
  bool guard{false};
#else
  bool guard{true};
#endif
  ///< guard: canaries between values, dead and unwritten values hold NaN (CPU only; for tests)
};

using ValueId = std::int32_t;
inline constexpr ValueId kNoValue = -1;

/// Memory of a plan. Several nodes may share one value (in-place ReLU, identity); a value may be a
/// slice of the channels of a larger one (inputs of a concatenation).
struct Value {
  std::string name;
  ValueSpec spec;
  DType dtype{DType::kF32};
  ValueId parent{kNoValue};        ///< of which it is a slice
  std::int64_t channel_offset{0};  ///< in the parent
  Lifetime life{};
  std::size_t offset{0};
  bool is_protected{false};  ///< seeds and results: no in-place overwriting
};

struct Step {
  enum class Kind : std::uint8_t { kForward, kBackward, kAccumulate };
  Kind kind{Kind::kForward};
  NodeId node{0};
  bool relu{false};         ///< forward: the ReLU behind is applied too
  std::vector<ValueId> in;  ///< kNoValue: geometry only, no data
  ValueId out{kNoValue}, aux{kNoValue}, dy{kNoValue}, scratch{kNoValue};
  std::vector<ValueId> dx;       ///< kNoValue: not wanted
  std::vector<Shape> in_shapes;  ///< for inputs without data
  Shape out_shape{};
  bool parameters{false};          ///< backward: write parameter gradients
  bool training{false};            ///< the layer behaves as in training
  std::vector<NodeId> also_reads;  ///< backward: nodes whose parameters the rule reads too
  RulePtr rule;
  std::shared_ptr<Prepared> prepared;
  int time{0};
};

/// The steps of a forward pass and of any number of backward passes, and an arena offset for every
/// value. Addresses are fixed, so a plan can be captured; no step allocates.
class Plan {
 public:
  /// Throws kShape when the input does not suit the graph, kUnsupported when a rule declines a
  /// layer, kUsage when a backward request's nodes are not connected. `threads` and `level` are
  /// those of the CPU stream that it will run on.
  static Plan build(const Graph& graph,
                    const PlanRequest& request,
                    Device device,
                    int threads,
                    CpuLevel level = default_cpu_level());

  [[nodiscard]] const PlanRequest& request() const noexcept { return request_; }
  [[nodiscard]] const std::vector<Value>& values() const noexcept { return values_; }
  [[nodiscard]] const std::vector<Step>& forward() const noexcept { return forward_; }
  [[nodiscard]] const std::vector<Step>& backward(std::size_t k) const { return backward_.at(k); }
  [[nodiscard]] std::size_t backward_count() const noexcept { return backward_.size(); }
  /// The value of a node's output, or kNoValue if this plan does not keep it.
  [[nodiscard]] ValueId output_value(NodeId node) const;
  [[nodiscard]] ValueId seed_value(std::size_t k) const { return seeds_.at(k); }
  [[nodiscard]] ValueId gradient_value(std::size_t k, NodeId to) const;
  /// The seed that backward pass k adds at `node`, or kNoValue.
  [[nodiscard]] ValueId joined_value(std::size_t k, NodeId node) const;
  [[nodiscard]] NodeId output() const noexcept { return request_.output; }
  [[nodiscard]] const std::vector<Shape>& shapes() const noexcept { return shapes_; }

  [[nodiscard]] std::size_t arena_bytes() const noexcept { return arena_bytes_; }
  [[nodiscard]] std::size_t lower_bound() const noexcept { return lower_bound_; }
  /// A line a step: layer, rule, engine and why not others, output, bytes, offset, lifetime.
  [[nodiscard]] std::string report(const Graph& graph) const;

 private:
  friend class PlanBuilder;

  PlanRequest request_;
  std::vector<Shape> shapes_;
  std::vector<Value> values_;
  std::vector<Step> forward_;
  std::vector<std::vector<Step>> backward_;
  std::vector<ValueId> node_values_;
  std::vector<bool> readable_;
  std::vector<ValueId> seeds_;
  std::vector<std::vector<std::pair<NodeId, ValueId>>> gradients_, joined_;
  std::size_t arena_bytes_{0}, lower_bound_{0};
};

}  // namespace cutaway
