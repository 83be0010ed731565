#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "explain/probability.h"
#include "layers/executor.h"
#include "runtime/observer.h"

namespace cutaway::explain {

/// What an Evaluator computes.
struct EvaluatorRequest {
  /// The node whose output is handed in: 0, the picture, or a layer through which all passes.
  NodeId input{0};
  NodeId output{0};      ///< whose values are read: usually the logits
  bool gradient{false};  ///< also what `rules` bring from `output` down to the input
  RuleSet rules{gradient_rules()};

  [[nodiscard]] bool same_as(const EvaluatorRequest& other) const {
    return input == other.input && output == other.output && gradient == other.gradient &&
           rules.name() == other.rules.name();
  }
};

/// Runs a network over many inputs a method makes: noisy, masked, on a path. In batches whose
/// memory stays within a budget; results do not depend on it beyond rounding.
class Evaluator {
 public:
  struct Resources {
    Stream stream;
    kernels::EngineOptions engines;
    std::size_t budget{std::size_t{1} << 30};  ///< bytes of activations at a time
    Observer* observer{&silent_observer()};    ///< of whatever runs with these; must outlive it
  };
  /// Of inputs at a time on a CPU: larger batches are no faster, 8 images fill the cores and share
  /// the reading of weights.
  static constexpr std::int64_t kMostAtOnce = 16;
  /// The model must outlive this. Throws kUnsupported when not everything passes through `input`.
  Evaluator(const Model& model, const EvaluatorRequest& request, Resources resources);

  /// Shape of one input (n = 1), and number of values of one output.
  [[nodiscard]] const Shape& input_shape() const noexcept { return shape_; }

  /// Results of consecutive samples, first to first + count - 1.
  struct Batch {
    std::int64_t first, count;
    const Tensor& output;  ///< (at least count) x C x 1 x 1, plain
    /// (at least count) x the input's shape, plain; empty unless asked for.
    const Tensor& gradient;
    [[nodiscard]] std::span<const float> scores(std::int64_t i) const;  ///< of sample first + i
    [[nodiscard]] std::span<const float> gradient_of(std::int64_t i) const;
  };
  /// Writes sample i, plain c x h x w. Called from several threads for different samples.
  using Fill = std::function<void(std::int64_t sample, std::span<float> values)>;
  /// Called in order of the samples.
  using Take = std::function<void(const Batch&)>;
  /// `target` is the channel of the output seeded with 1 where gradients are wanted.
  /// Reports samples to the observer under the name of set_task(); throws Cancelled where that has
  /// cancelled, between two layers of a pass at the latest.
  void run(std::int64_t count, const Fill& fill, const Take& take, std::int64_t target = 0);
  void set_task(std::string_view name) { task_ = name; }

  [[nodiscard]] int threads() const noexcept { return threads_; }
  /// What it holds of activations between runs.
  [[nodiscard]] std::size_t held_bytes() const;
  /// Gives that back; the next run takes it again.
  void release();

 private:
  [[nodiscard]] std::int64_t batch_for(std::int64_t count);
  void make_executor(std::int64_t batch);
  [[nodiscard]] PlanRequest plan_request(std::int64_t batch) const;

  const Model* model_;
  std::unique_ptr<Model> tail_;
  EvaluatorRequest request_;
  Resources resources_;
  std::string task_{"samples"};
  Shape shape_;
  int threads_;
  CpuLevel level_;
  std::size_t bytes_per_sample_{0};
  std::unique_ptr<Executor> executor_;
  Tensor input_;
};

/// The Evaluators of a session: one for equal requests. Together they hold their budget at most:
/// asking for one takes memory from others.
class EvaluatorPool {
 public:
  EvaluatorPool(const Model& model, Evaluator::Resources resources)
      : model_(model), resources_(std::move(resources)) {}
  [[nodiscard]] Evaluator& get(const EvaluatorRequest& request);
  /// The name under which evaluators report from now on: that of the method at work.
  void set_task(std::string_view name) { task_ = name; }
  [[nodiscard]] const std::string& task() const noexcept { return task_; }
  [[nodiscard]] const Evaluator::Resources& resources() const noexcept { return resources_; }

 private:
  const Model& model_;
  Evaluator::Resources resources_;
  std::string task_{"samples"};
  std::vector<std::pair<EvaluatorRequest, std::unique_ptr<Evaluator>>> evaluators_;
};

}  // namespace cutaway::explain
