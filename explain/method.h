#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "explain/evaluator.h"
#include "explain/explanation.h"
#include "explain/options.h"

namespace cutaway::explain {

/// What a method is told when it plans.
struct Setting {
  NodeId logits{0};
  NodeId layer{-1};       ///< of methods that take one; -1: the net has no maps to choose from
  std::string layer_why;  ///< "chosen by the user", the reason of the default, or why there is none
  /// The user named it: it also counts for methods with a default of their own.
  bool layer_named{false};
};

/// The layer of a method that takes one; throws kUnsupported, with the reason, when there is none.
[[nodiscard]] NodeId required_layer(const Setting& setting);

/// Collects what methods need, so that one forward pass and as few backward passes as possible
/// serve all.
class Needs {
 public:
  void tap(NodeId node);
  /// A backward pass; equal rules from the same node are one pass. Returns its number.
  std::size_t backward(const RuleSet& rules, NodeId from, NodeId to);

  [[nodiscard]] const std::vector<NodeId>& taps() const noexcept { return taps_; }
  [[nodiscard]] const std::vector<BackwardRequest>& passes() const noexcept { return passes_; }

 private:
  std::vector<NodeId> taps_;
  std::vector<BackwardRequest> passes_;
};

/// The forward pass that has run, backward passes run on demand, each at most once a seed, and
/// evaluators for whatever else a method wants to ask the network.
class Passes {
 public:
  /// `numbers`: see image_number(); empty: made from the images.
  Passes(Executor& executor,
         EvaluatorPool& evaluators,
         const Setting& setting,
         const Tensor& input,
         std::span<const std::int64_t> targets,
         std::span<const std::uint64_t> numbers = {});

  [[nodiscard]] const Model& model() const noexcept { return executor_.model(); }
  [[nodiscard]] const Graph& graph() const noexcept { return model().graph; }
  [[nodiscard]] const Tensor& input() const noexcept { return input_; }
  [[nodiscard]] std::span<const std::int64_t> targets() const noexcept { return targets_; }
  /// A tapped node's output, plain on the CPU.
  [[nodiscard]] const Tensor& tap(NodeId node);
  /// What pass k brings to `to` when each image's target channel of the seeded node is 1.
  [[nodiscard]] const Tensor& gradient(std::size_t k, NodeId to);
  /// The same for other seeds; not remembered.
  [[nodiscard]] Tensor gradient(std::size_t k, NodeId to, std::span<const Executor::Unit> units);
  /// The same for a whole signal: plain, on the CPU, of the seeded node's shape.
  [[nodiscard]] Tensor gradient(std::size_t k, NodeId to, const Tensor& seed);

  [[nodiscard]] const Setting& setting() const noexcept { return setting_; }
  /// The class scores of image n, before softmax.
  [[nodiscard]] std::span<const float> scores(std::int64_t n);
  [[nodiscard]] Evaluator& evaluator(const EvaluatorRequest& request) {
    return evaluators_.get(request);
  }
  [[nodiscard]] const Evaluator::Resources& resources() const noexcept {
    return evaluators_.resources();
  }
  /// For loops that run no evaluator: report steps, and throw_if_cancelled() at least every tenth
  /// of a second of work.
  [[nodiscard]] Observer& observer() const noexcept { return *evaluators_.resources().observer; }
  /// Keys the random numbers of a method for image n of the batch. By default it is made from the
  /// image itself, so that an image's explanation does not depend on its place in a batch, a list
  /// or a resumed run.
  [[nodiscard]] std::uint64_t image_number(std::int64_t n) const;

 private:
  struct Result {
    std::size_t pass;
    NodeId node;
    Tensor value;
  };

  Executor& executor_;
  EvaluatorPool& evaluators_;
  const Setting& setting_;
  const Tensor& input_;
  std::span<const std::int64_t> targets_;
  std::span<const std::uint64_t> numbers_;
  std::vector<std::unique_ptr<Result>> taps_, gradients_;
};

/// What a method does with Setting::layer.
enum class LayerUse : std::uint8_t {
  kNone,      ///< its map is of pixels, or of layers its options name
  kFixed,     ///< the net's structure decides the layer
  kOptional,  ///< the layer if the user named it, otherwise one of the method's own choice
  kRequired   ///< the layer, named or default; no map without one
};

/// A way to explain: says what it needs when the plan is made, and composes its map from the
/// passes.
class Method {
 public:
  virtual ~Method() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// With the options this method was made with. kOptional and kRequired: a run at several layers
  /// plans one such method a layer.
  [[nodiscard]] virtual LayerUse layer_use() const noexcept { return LayerUse::kNone; }
  virtual void plan(const Graph& graph, const Setting& setting, Needs& needs) = 0;
  /// After plan(): what explain() computes for one image on top of the run's forward pass, in
  /// forward passes of the whole net, a backward pass counted as two; an upper bound where it
  /// depends on the image. For estimates of a run's time.
  [[nodiscard]] virtual double work(const Graph& /*graph*/) const { return 2.0; }
  [[nodiscard]] virtual Explanation explain(Passes& passes) const = 0;
};

using MethodPtr = std::unique_ptr<Method>;

/// Multiply-adds of the nodes above `layer`, as a share of the whole net's.
[[nodiscard]] double share_above(const Graph& graph, NodeId layer);

/// What a method is, as data: --help, documentation, error messages and interfaces read it, and
/// make_method() checks options against it.
struct MethodFacts {
  std::string name;
  std::string summary;              ///< one line
  std::string source;               ///< paper, equation or section
  LayerUse layer{LayerUse::kNone};  ///< with default options
  TargetKind target{TargetKind::kClass};
  MapKind map{MapKind::kHeat};  ///< with default options
  std::vector<OptionFact> options;
};

/// In the order of --help.
[[nodiscard]] std::vector<std::string> method_names();
/// Throws kUsage, with the nearest names, for a name that no method has.
[[nodiscard]] const MethodFacts& method_facts(std::string_view name);
/// The method of that name with its options; throws kUsage for an unknown name or option and for a
/// value out of range (Options).
[[nodiscard]] MethodPtr make_method(std::string_view name, const Attributes& options = {});
/// MethodFacts::summary.
[[nodiscard]] std::string method_summary(std::string_view name);

}  // namespace cutaway::explain
