#include "explain/evaluator.h"

#include <algorithm>

#include "layers/tail.h"
#include "runtime/error.h"
#include "runtime/parallel.h"

namespace cutaway::explain {
namespace {

constexpr std::int64_t kMostAtOnceCuda = 256;

std::span<const float> row_of(const Tensor& t, std::int64_t i) {
  const auto size = static_cast<std::size_t>(t.shape().c * t.shape().plane());
  return t.f32().subspan(static_cast<std::size_t>(i) * size, size);
}

/// Hands on the steps of one batch's passes as parts of its samples.
class BatchProgress final : public Observer {
 public:
  BatchProgress(Observer& outer, const std::string& task, std::int64_t count, bool backward)
      : outer_(outer), task_(task), count_(static_cast<double>(count)), backward_(backward) {}

  void begin(std::int64_t first, std::int64_t here) {
    first_ = static_cast<double>(first);
    here_ = static_cast<double>(here);
  }
  void progress(std::string_view pass, double done, double total) override {
    // A backward pass is about twice the work of a forward pass.
    const double share = done / total;
    const double part = !backward_          ? share
                        : pass == "forward" ? share / 3.0
                                            : (1.0 + 2.0 * share) / 3.0;
    outer_.progress(task_, first_ + here_ * part, count_);
  }
  [[nodiscard]] bool cancelled() const noexcept override { return outer_.cancelled(); }

 private:
  Observer& outer_;
  const std::string& task_;
  double count_, first_{0.0}, here_{0.0};
  bool backward_;
};

/// Watches an executor for as long as it lives.
class WatchScope {
 public:
  WatchScope(Executor& executor, Observer& observer) : executor_(executor) {
    executor_.set_observer(observer);
  }
  ~WatchScope() { executor_.set_observer(silent_observer()); }
  WatchScope(const WatchScope&) = delete;
  WatchScope& operator=(const WatchScope&) = delete;

 private:
  Executor& executor_;
};

}  // namespace

std::span<const float> Evaluator::Batch::scores(std::int64_t i) const { return row_of(output, i); }

std::span<const float> Evaluator::Batch::gradient_of(std::int64_t i) const {
  return row_of(gradient, i);
}

Evaluator::Evaluator(const Model& model, const EvaluatorRequest& request, Resources resources)
    : model_(&model), request_(request), resources_(std::move(resources)) {
  if (request.input != 0) {
    Tail tail = tail_of(model, request.input, request.output);
    request_.output = tail.nodes[static_cast<std::size_t>(request.output)];
    tail_ = std::make_unique<Model>(std::move(tail.model));
    model_ = tail_.get();
    request_.input = 0;
  }
  shape_ = model_->graph.node(0).shape;
  const auto* cpu = std::get_if<CpuStream>(&resources_.stream);
  threads_ = cpu != nullptr ? cpu->threads() : CpuStream().threads();
  level_ = cpu != nullptr ? cpu->level() : default_cpu_level();
}

PlanRequest Evaluator::plan_request(std::int64_t batch) const {
  PlanRequest plan;
  plan.input = shape_;
  plan.input.n = batch;
  plan.output = request_.output;
  plan.engines = resources_.engines;
  plan.guard = false;
  if (request_.gradient) plan.backward = {{request_.rules, request_.output, {0}, false}};
  return plan;
}

std::int64_t Evaluator::batch_for(std::int64_t count) {
  const Device device = device_of(resources_.stream);
  if (bytes_per_sample_ == 0) {
    bytes_per_sample_ = std::max<std::size_t>(
        1, Plan::build(model_->graph, plan_request(1), device, threads_, level_).arena_bytes());
  }
  const bool cuda = device.kind == Device::Kind::kCuda;
  const auto fits = static_cast<std::int64_t>(resources_.budget / bytes_per_sample_);
  const std::int64_t most = std::clamp<std::int64_t>(fits, 1, cuda ? kMostAtOnceCuda : kMostAtOnce);
  const std::int64_t batches = (count + most - 1) / most;
  return (count + batches - 1) / batches;  // equal parts: the last batch is nearly full
}

void Evaluator::make_executor(std::int64_t batch) {
  if (executor_ && executor_->plan().request().input.n == batch) return;
  executor_.reset();  // its memory goes before the next takes some
  executor_ = std::make_unique<Executor>(*model_, plan_request(batch), resources_.stream);
  Shape shape = shape_;
  shape.n = batch;
  input_ = zeros(shape);
}

void Evaluator::run(std::int64_t count, const Fill& fill, const Take& take, std::int64_t target) {
  if (count <= 0) return;
  make_executor(batch_for(count));
  const std::int64_t batch = input_.shape().n;
  const auto size = static_cast<std::size_t>(shape_.c * shape_.plane());
  const std::vector<Executor::Unit> seeds(static_cast<std::size_t>(batch),
                                          Executor::Unit{target, 0, 0, 1.0f});
  Tensor none;
  BatchProgress progress(*resources_.observer, task_, count, request_.gradient);
  const WatchScope watching(*executor_, progress);
  for (std::int64_t first = 0; first < count; first += batch) {
    // What lies behind the last sample is computed and not read.
    const std::int64_t here = std::min(batch, count - first);
    progress.begin(first, here);
    parallel_for(threads_, here, 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i) {
        fill(first + i, input_.f32().subspan(static_cast<std::size_t>(i) * size, size));
      }
    });
    executor_->set_input(input_);
    executor_->forward();
    const Tensor output = executor_->read(executor_->output());
    if (!request_.gradient) {
      take({first, here, output, none});
      continue;
    }
    executor_->seed_units(0, seeds);
    executor_->backward(0);
    const Tensor gradient = executor_->read(executor_->gradient(0, 0));
    take({first, here, output, gradient});
  }
}

std::size_t Evaluator::held_bytes() const {
  return executor_ ? executor_->plan().arena_bytes() + input_.bytes() : 0;
}

void Evaluator::release() {
  executor_.reset();
  input_ = {};
}

Evaluator& EvaluatorPool::get(const EvaluatorRequest& request) {
  const auto known = std::ranges::find_if(
      evaluators_, [&](const auto& pair) { return pair.first.same_as(request); });
  Evaluator& evaluator =
      known != evaluators_.end()
          ? *known->second
          : *evaluators_
                 .emplace_back(request, std::make_unique<Evaluator>(model_, request, resources_))
                 .second;
  evaluator.set_task(task_);
  // Each may take the whole budget, so what others hold goes; what is small may stay.
  std::size_t held = 0;
  for (const auto& [other, of] : evaluators_) held += of.get() == &evaluator ? 0 : of->held_bytes();
  if (held > resources_.budget / 4) {
    for (const auto& [other, of] : evaluators_) {
      if (of.get() != &evaluator) of->release();
    }
  }
  return evaluator;
}

}  // namespace cutaway::explain
