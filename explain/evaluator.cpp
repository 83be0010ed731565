#include "explain/evaluator.h"

#include <algorithm>
#include <cmath>

#include "layers/tail.h"
#include "runtime/error.h"
#include "runtime/parallel.h"

namespace cutaway::explain {
namespace {

// Larger batches are no faster on a CPU: 8 images fill the cores and share the reading of weights.
constexpr std::int64_t kMostAtOnce = 16;
constexpr std::int64_t kMostAtOnceCuda = 256;

std::span<const float> row_of(const Tensor& t, std::int64_t i) {
  const auto size = static_cast<std::size_t>(t.shape().c * t.shape().plane());
  return t.f32().subspan(static_cast<std::size_t>(i) * size, size);
}

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
  for (std::int64_t first = 0; first < count; first += batch) {
    // What lies behind the last sample is computed and not read.
    const std::int64_t here = std::min(batch, count - first);
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

double probability(std::span<const float> scores, std::int64_t target) {
  const double most = *std::ranges::max_element(scores);
  double sum = 0.0;
  for (const float s : scores) sum += std::exp(static_cast<double>(s) - most);
  return std::exp(static_cast<double>(scores[static_cast<std::size_t>(target)]) - most) / sum;
}

Evaluator& EvaluatorPool::get(const EvaluatorRequest& request) {
  for (auto& [known, evaluator] : evaluators_) {
    if (known.same_as(request)) return *evaluator;
  }
  auto made = std::make_unique<Evaluator>(model_, request, resources_);
  return *evaluators_.emplace_back(request, std::move(made)).second;
}

}  // namespace cutaway::explain
