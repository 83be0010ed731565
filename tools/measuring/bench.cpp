#include "tools/measuring/bench.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "explain/network.h"
#include "layers/executor.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::tools {

using namespace explain;
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double at_quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

Tensor random_input(const Shape& shape) {
  Tensor t(kCpuDevice, DType::kF32, shape);
  const Philox random{1, 2};
  for (std::size_t i = 0; i < t.f32().size(); ++i) t.f32()[i] = random.uniform(i) - 0.5f;
  return t;
}

std::int64_t step_macs(const Graph& graph, const Step& step) {
  if (step.kind == Step::Kind::kAccumulate) return 0;
  return graph.node(step.node).layer->macs(step.in_shapes);
}

std::vector<LayerTime> time_layers(Executor& executor, bool backward, int rounds) {
  std::map<std::pair<int, int>, std::vector<double>> times;  // (phase, time) in running order
  std::map<std::pair<int, int>, const Step*> steps;
  executor.observe([&](const Step& step, double seconds) {
    const std::pair<int, int> key{step.kind == Step::Kind::kForward ? 0 : 1, step.time};
    times[key].push_back(seconds * 1e3);
    steps[key] = &step;
  });
  for (int i = 0; i < rounds; ++i) {
    executor.forward();
    if (backward) executor.backward(0);
  }
  executor.observe({});
  std::vector<LayerTime> result;
  const Graph& graph = executor.model().graph;
  for (const auto& [key, values] : times) {
    const Step& step = *steps[key];
    const char* kind = step.kind == Step::Kind::kForward
                           ? "forward"
                           : (step.kind == Step::Kind::kBackward ? "backward" : "accumulate");
    LayerTime t{graph.node(step.node).name, kind, at_quantile(values, 0.5), 0};
    t.gflops = 2e-6 * static_cast<double>(step_macs(graph, step)) / t.ms;
    if (step.prepared) t.what += "  " + step.prepared->note();
    result.push_back(std::move(t));
  }
  return result;
}

}  // namespace

BenchResult run_bench(const Model& model, const BenchJob& job, const Stream& stream) {
  if (job.pass != "forward" && job.pass != "saliency") {
    throw Error(ErrorKind::kUsage, "pass to time").expected("forward or saliency").got(job.pass);
  }
  const bool backward = job.pass == "saliency";
  PlanRequest request;
  request.input = model.graph.node(0).shape;
  request.input.n = job.batch;
  request.output = logits_node(model.graph);
  request.engines = job.engines;
  request.guard = false;
  if (backward) request.backward.push_back({});

  BenchResult result;
  auto start = Clock::now();
  Executor executor(model, request, stream);
  result.setup_ms = ms_since(start);
  result.arena_bytes = executor.plan().arena_bytes();
  executor.set_input(random_input(request.input));
  const std::vector<Executor::Unit> units(static_cast<std::size_t>(job.batch));
  const auto once = [&] {
    throw_if_cancelled(*job.observer);
    executor.forward();
    throw_if_cancelled(*job.observer);
    if (backward) {
      executor.seed_units(0, units);
      executor.backward(0);
    }
    synchronize(executor.stream());
  };
  for (int i = 0; i < job.warmup; ++i) once();
  for (int i = 0; i < job.rounds; ++i) {
    start = Clock::now();
    once();
    result.ms.push_back(ms_since(start));
  }
  result.median_ms = at_quantile(result.ms, 0.5);
  result.p10_ms = at_quantile(result.ms, 0.1);
  result.p90_ms = at_quantile(result.ms, 0.9);
  result.images_per_second = 1e3 * static_cast<double>(job.batch) / result.median_ms;
  std::int64_t macs = 0;
  for (const Step& step : executor.plan().forward()) macs += step_macs(model.graph, step);
  result.gflop = 2e-9 * static_cast<double>(macs) * (backward ? 2.0 : 1.0);
  result.gflops = result.gflop / result.median_ms * 1e3;
  if (job.per_layer) result.layers = time_layers(executor, backward, job.rounds);
  return result;
}

}  // namespace cutaway::tools
