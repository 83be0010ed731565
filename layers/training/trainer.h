#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "layers/executor.h"
#include "layers/training/optimizer.h"
#include "layers/training/parameter_average.h"
#include "layers/training/recipe.h"
#include "layers/training/training_state.h"

namespace cutaway {

/// Trains a classifier by a recipe:
///
///   const BatchOrder order = BatchOrder::shuffled(images.count, recipe.batch, recipe.seed);
///   Trainer trainer(model, recipe, order.batches(), CpuStream());
///   while (trainer.epoch() < recipe.epochs) {
///     const auto pictures = order.pictures(trainer.epoch(), trainer.batch_of_epoch());
///     const auto result = trainer.step(images.batch(pictures), images.labels(pictures));
///   }
///   model.parameters = trainer.parameters();
class Trainer {
 public:
  /// A training by cross-entropy whose learning rate the caller gives with every step.
  struct Options {
    std::int64_t batch{64};
    OptimizerOptions optimizer;
    float label_smoothing{0.0f};
    /// Above 0: after every update, convolution filters of a greater root mean square are scaled
    /// back to this one (renormalize_filters; Zeiler & Fergus 2014: 0.1).
    double filter_radius{0.0};
    std::uint64_t seed{0};
    kernels::EngineOptions engines;
  };

  /// Works on a copy of the model's parameters, on the stream's device. Throws kUsage for settings
  /// out of range and kUnsupported when a loss does not suit the network.
  Trainer(const Model& model,
          const Recipe& recipe,
          std::int64_t steps_per_epoch,
          Stream stream,
          const kernels::EngineOptions& engines = {});
  /// Goes on where `state` was taken, bit for bit: `model` gives the graph. Throws kInput, naming
  /// the tensor, when the state is of another network.
  Trainer(const Model& model,
          const TrainingState& state,
          Stream stream,
          const kernels::EngineOptions& engines = {});
  /// `logits` is the node of the class scores.
  Trainer(const Model& model, NodeId logits, const Options& options, Stream stream);

  // The executor refers to the working copy beside it.
  Trainer(Trainer&&) = delete;
  Trainer& operator=(Trainer&&) = delete;
  ~Trainer();

  struct Result {
    double loss;  ///< weighted sum of all losses, mean over the batch, before the update
    std::int64_t correct;
    float rate;                 ///< learning rate
    double gradient_norm;       ///< before clipping; 0 where it is not clipped
    std::vector<double> parts;  ///< every loss by itself, unweighted, in the recipe's order
  };
  /// One update from a batch of images (plain, CPU) and their classes, at the schedule's rate.
  /// Throws kShape and kInput when they do not fit the network. When the loss is not finite it
  /// throws kInternal, naming step, layer and image, and leaves the trainable parameters as they
  /// were.
  Result step(const Tensor& images, std::span<const std::int32_t> labels);
  /// The same at a rate of the caller's.
  Result step(const Tensor& images, std::span<const std::int32_t> labels, float rate);
  /// Tells the schedule the validation (or training) loss of the epoch that has ended.
  void observe(double loss) { schedule_.observe(loss); }

  /// Updates so far, whole passes over the data, and the number of the next batch within its pass.
  [[nodiscard]] std::int64_t steps() const noexcept { return steps_; }
  [[nodiscard]] std::int64_t epoch() const noexcept { return steps_ / per_epoch_; }
  [[nodiscard]] std::int64_t batch_of_epoch() const noexcept { return steps_ % per_epoch_; }
  /// The learning rate of the next update.
  [[nodiscard]] float rate() const { return schedule_.rate(steps_); }
  [[nodiscard]] const Recipe& recipe() const noexcept { return recipe_; }

  /// The parameters as they are now, on the CPU.
  [[nodiscard]] Parameters parameters() const;
  /// Their moving average where the recipe keeps one, else the parameters.
  [[nodiscard]] Parameters averaged_parameters() const;
  /// All that a new Trainer needs to go on.
  [[nodiscard]] TrainingState state() const;
  /// How many filters have been scaled back so far, over all updates.
  [[nodiscard]] std::int64_t renormalized() const noexcept { return renormalized_; }
  /// The losses in the recipe's order, for their figures.
  [[nodiscard]] std::span<const LossPtr> losses() const noexcept { return losses_; }
  /// For benchmarks: Executor::observe.
  [[nodiscard]] Executor& executor() noexcept { return *executor_; }

 private:
  Trainer(Model working,
          NodeId logits,
          const Recipe& recipe,
          std::int64_t steps_per_epoch,
          Stream stream,
          const kernels::EngineOptions& engines);
  void check_batch(std::span<const std::int32_t> labels) const;
  [[nodiscard]] std::vector<NodeId> nodes_read() const;
  double evaluate_losses(const BatchLabels& labels, std::vector<double>& parts);
  [[noreturn]] void report_divergence(double loss);
  void update(float rate, Result& result);
  [[nodiscard]] std::int64_t count_correct(std::span<const std::int32_t> labels);
  void restore(const TrainingState& state);

  Recipe recipe_;
  Model working_;
  NodeId logits_;
  std::int64_t per_epoch_;
  std::vector<NodeId> frozen_;
  std::vector<LossPtr> losses_;
  std::unique_ptr<Executor> executor_;
  Optimizer optimizer_;
  Schedule schedule_;
  std::optional<ParameterAverage> average_;
  std::int64_t steps_{0};
  std::int64_t renormalized_{0};
};

}  // namespace cutaway
