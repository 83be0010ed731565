#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "layers/model.h"
#include "layers/plan.h"
#include "runtime/observer.h"
#include "runtime/recording.h"

namespace cutaway {

/// Runs a plan: owns the arena, one stream, and nothing of the model, which it never changes unless
/// the plan is for training. One executor is used by one thread at a time; any number may share a
/// model.
class Executor {
 public:
  /// Plans, allocates, and transforms frozen weights (shared through the model's cache). The model
  /// must outlive the executor. With PlanRequest::training its parameters are read anew at every
  /// run, and batch normalisation moves its running estimates: hand it a copy, as Trainer does.
  Executor(const Model& model, const PlanRequest& request, Stream stream);
  /// The same for a plan that was made before, of this model and for this stream's device and
  /// threads. `arena` may be shared by executors that take turns: a pass of one overwrites every
  /// value of the others. Null: memory of its own. Throws kInternal when it is smaller than the
  /// plan needs or on another device.
  Executor(const Model& model, Plan plan, Stream stream, std::shared_ptr<Buffer> arena = nullptr);

  [[nodiscard]] const Plan& plan() const noexcept { return plan_; }
  [[nodiscard]] const Model& model() const noexcept { return model_; }
  [[nodiscard]] Stream& stream() noexcept { return stream_; }

  /// Copies n x c x h x w plain floats from the CPU into the input; throws kShape when the shape is
  /// another.
  void set_input(const Tensor& input);
  /// The input itself, for kernels that write it.
  [[nodiscard]] TensorRef input() const { return refs_[value_index(plan_.output_value(0))]; }

  void forward();
  /// The same, step by step: `visit` sees the output of every step before a later one can overwrite
  /// it.
  using OutputVisitor = std::function<void(NodeId, const TensorRef& output)>;
  void forward(const OutputVisitor& visit);
  /// Random numbers of dropout: change it every step of training.
  void set_random(std::uint64_t seed) noexcept { random_seed_ = seed; }

  /// Output of a tapped node, or of the plan's output. Throws kUsage for nodes the plan does not
  /// keep.
  [[nodiscard]] TensorRef value(NodeId node) const;
  [[nodiscard]] TensorRef output() const { return value(plan_.output()); }

  /// The seed of backward pass k: after forward(), fill all of it (padding lanes with zero), then
  /// call backward(k). It survives backward(k) itself, but neither another pass nor forward().
  [[nodiscard]] TensorRef seed(std::size_t k = 0) const;
  /// The seed that pass k adds at `node`, one of BackwardRequest::joined: fill all of it before
  /// every backward(k).
  [[nodiscard]] TensorRef joined_seed(std::size_t k, NodeId node) const;
  /// Copies a plain CPU tensor of the seed's shape into it; throws kShape when the shape is
  /// another.
  void set_seed(std::size_t k, const Tensor& seed);
  /// Zeroes the seed but for `value` at one entry of every image: channel[n], and row and column if
  /// the node has a plane.
  struct Unit {
    std::int64_t channel{0}, row{0}, column{0};
    float value{1.0f};
  };
  void seed_units(std::size_t k, std::span<const Unit> units);
  /// Runs pass k. Its results stay until the next forward() or backward().
  void backward(std::size_t k = 0);
  [[nodiscard]] TensorRef gradient(std::size_t k, NodeId to) const;
  /// Gradients of the trainable parameters, in the order of Model::parameters, after a backward
  /// pass that was planned with `parameters`.
  [[nodiscard]] Parameters& parameter_gradients() noexcept { return gradients_; }

  /// A plain NCHW copy on the CPU.
  [[nodiscard]] Tensor read(const TensorRef& value);

  /// CUDA: from its second run on a pass is recorded and replayed as one CUDA graph (the default);
  /// off: every kernel is launched anew. Both give the same bits. Training passes are never
  /// replayed: dropout's numbers are arguments. No effect on the CPU.
  void set_replay(bool on) noexcept { replay_ = on; }

  /// Asked before every step of a pass whether to go on, and told after it how many of the pass are
  /// done ("forward", "backward"). Where it has cancelled, the pass throws Cancelled; what the plan
  /// keeps is then undefined until the next forward(). The observer must outlive the executor. A pass
  /// that is replayed as a CUDA graph is one step.
  void set_observer(Observer& observer) noexcept { watcher_ = &observer; }

  /// Called after every step with the seconds it took (synchronises: for benchmarks only).
  using StepObserver = std::function<void(const Step&, double seconds)>;
  void observe(StepObserver observer) { observer_ = std::move(observer); }

 private:
  struct Pass {  // runs so far, and the recording once there is one
    int runs{0};
    Recording recording;
  };
  struct Bound {  // a step with its addresses
    const Step* step;
    std::vector<TensorRef> in, dx, dparams;
    std::span<const TensorRef> params;
    TensorRef out, aux, dy;
    std::byte* scratch{};
  };

  void bind();
  void bind_parameters();
  [[nodiscard]] Bound bind_step(const Step& step);
  void load(const std::vector<Step>& steps);
  [[nodiscard]] std::span<const TensorRef> parameters_of(const Step& step);
  void run(const std::vector<Bound>& steps, int group);
  void run_eagerly(const std::vector<Bound>& steps, int group);
  void run_step(const Bound& bound);
  [[nodiscard]] bool alive(const Value& value, const Step& step, int group) const;
  void guard_before(const Bound& bound, int group);
  void guard_after(const Bound& bound, int group);
  void copy_in(const Tensor& from, const TensorRef& to);
  [[nodiscard]] std::size_t value_index(ValueId value) const;
  [[nodiscard]] TensorRef ref_of(ValueId value) const;
  [[nodiscard]] TensorRef ref_or_geometry(ValueId value, const Shape& shape) const;

  const Model& model_;
  Stream stream_;
  Plan plan_;
  std::shared_ptr<Buffer> arena_;
  std::vector<TensorRef> refs_;
  std::vector<Tensor> device_parameters_;
  std::vector<std::vector<TensorRef>> parameter_refs_;
  std::list<std::vector<TensorRef>>
      joined_parameters_;  // of steps that read those of several nodes
  Parameters gradients_;
  std::vector<Bound> forward_;
  std::vector<std::vector<Bound>> backward_;
  std::uint64_t random_seed_{0};
  StepObserver observer_;
  Observer* watcher_{&silent_observer()};
  Tensor staging_;
  bool replay_{true};
  std::vector<Pass> passes_;  // forward, then the backward passes
};

}  // namespace cutaway
