#include "tools/measuring/bench_explain.h"

#include <algorithm>
#include <chrono>

#include "explain/network.h"
#include "explain/occlusion/occluder.h"
#include "explain/rules/rules.h"
#include "explain/session.h"
#include "explain/tensor_math.h"
#include "explain/units/regional_projector.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::tools {

using namespace explain;
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Tensor random_image(const Shape& shape, std::uint64_t number) {
  Tensor t(kCpuDevice, DType::kF32, shape);
  const Philox random{1, number};
  for (std::size_t i = 0; i < t.f32().size(); ++i) t.f32()[i] = random.uniform(i) - 0.5f;
  return t;
}

template <class Once>
void time_rounds(const ExplainBenchJob& job, ExplainBenchResult& result, const Once& once) {
  for (int i = 0; i < job.warmup; ++i) {
    throw_if_cancelled(*job.observer);
    once();
  }
  for (int i = 0; i < job.rounds; ++i) {
    throw_if_cancelled(*job.observer);
    const auto start = Clock::now();
    once();
    result.ms.push_back(ms_since(start));
  }
  std::vector<double> sorted = result.ms;
  std::ranges::sort(sorted);
  result.median_ms = sorted[sorted.size() / 2];
}

Attributes options_of(const ExplainBenchJob& job) {
  if (job.what == "occlusion") {
    return {{"window", job.window}, {"stride", job.stride}, {"passes", job.passes}};
  }
  if (job.what == "integrated_gradients") return {{"steps", job.samples}};
  if (job.what == "rise") return {{"masks", job.samples}};
  if (job.what == "smoothgrad" || job.what == "vargrad" || job.what == "lime") {
    return {{"samples", job.samples}};
  }
  return {};
}

ExplainBenchResult time_method(const Model& model,
                               const ExplainBenchJob& job,
                               const Stream& stream) {
  ExplainBenchResult result;
  const auto start = Clock::now();
  std::vector<MethodPtr> methods;
  methods.push_back(make_method(job.what, options_of(job)));
  Session::Options options;
  options.layer = job.layer;
  options.engines = job.engines;
  const Shape& shape = model.graph.node(0).shape;
  Session session(model, std::move(methods), shape, stream, options);
  result.setup_ms = ms_since(start);
  const Tensor image = random_image(shape, 0);
  time_rounds(job, result, [&] {
    (void)session.forward(image.clone());
    const Explanation e = std::move(session.explain({0}).at(0));
    result.layer = e.layer;
    result.work = e.options.number("work", 1.0);
  });
  if (job.what == "occlusion") {
    result.passes = static_cast<std::int64_t>(window_grid(shape, job.window, job.stride).size());
  } else if (!options_of(job).values().empty()) {
    result.passes = job.samples;
  }
  return result;
}

ExplainBenchResult time_projections(const Model& model,
                                    const ExplainBenchJob& job,
                                    const Stream& stream) {
  constexpr std::int64_t kUnits = 9;
  ExplainBenchResult result;
  result.layer = job.layer;
  const NodeId layer =
      job.layer.empty() ? default_layer(model.graph).node : model.graph.find(job.layer);
  const Shape plane = model.graph.node(layer).shape;
  auto start = Clock::now();
  RegionalProjector projector(model, layer, deconvnet_rules(), {stream, job.engines}, kUnits);
  result.setup_ms = ms_since(start);
  result.work = projector.work();
  result.passes = kUnits;
  std::vector<Tensor> images;
  std::vector<RegionalProjector::Job> jobs;
  for (std::int64_t k = 0; k < kUnits; ++k) {
    images.push_back(random_image(model.graph.node(0).shape, static_cast<std::uint64_t>(k)));
    // Spread over the plane, as the strongest units of nine images are.
    jobs.push_back(
        {images.back().f32(), 0, plane.h * (2 * (k / 3) + 1) / 6, plane.w * (2 * (k % 3) + 1) / 6});
  }
  for (std::size_t k = 0; k < jobs.size(); ++k) jobs[k].image = images[k].f32();
  time_rounds(job, result, [&] { (void)projector.project(jobs); });
  return result;
}

ExplainBenchResult time_class_maps(const Model& model,
                                   const ExplainBenchJob& job,
                                   const Stream& stream) {
  const auto head = cam_head(model.graph);
  if (!head)
    throw Error(ErrorKind::kUnsupported, "class maps need a net that ends in global pooling");
  ExplainBenchResult result;
  result.layer = model.graph.node(head->maps).name;
  PlanRequest request;
  request.taps = {head->maps};
  request.engines = job.engines;
  request.guard = false;
  Executor executor(model, request, stream);
  executor.set_input(random_image(model.graph.node(0).shape, 0));
  executor.forward();
  const auto* cpu = std::get_if<CpuStream>(&stream);
  const int threads = cpu != nullptr ? cpu->threads() : 0;
  time_rounds(job, result, [&] {
    const Tensor maps = executor.read(executor.value(head->maps));
    (void)weighted_sums(maps, model.parameters.of(head->weights)[0].f32(), threads);
  });
  return result;
}

}  // namespace

ExplainBenchResult run_explain_bench(const Model& model,
                                     const ExplainBenchJob& job,
                                     const Stream& stream) {
  if (job.what == "projections") return time_projections(model, job, stream);
  if (job.what == "class_maps") return time_class_maps(model, job, stream);
  return time_method(model, job, stream);
}

}  // namespace cutaway::tools
