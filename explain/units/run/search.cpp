#include <algorithm>
#include <numeric>

#include "explain/runs/batch.h"
#include "explain/units/run/units_run.h"
#include "layers/executor.h"
#include "runtime/error.h"
#include "runtime/progress.h"

namespace cutaway::explain {
namespace {

std::vector<std::int64_t> chosen_maps(const UnitsJob& job,
                                      const std::string& layer,
                                      std::int64_t count) {
  std::vector<std::int64_t> maps = job.maps;
  if (maps.empty()) {
    maps.resize(static_cast<std::size_t>(count));
    std::iota(maps.begin(), maps.end(), std::int64_t{0});
  }
  std::sort(maps.begin(), maps.end());
  maps.erase(std::unique(maps.begin(), maps.end()), maps.end());
  if (maps.front() < 0 || maps.back() >= count) {
    throw Error(ErrorKind::kUsage, "feature maps")
        .at(layer)
        .expected("0 to " + std::to_string(count - 1))
        .got(std::to_string(maps.front() < 0 ? maps.front() : maps.back()));
  }
  return maps;
}

std::vector<UnitsLayer> open_layers(const UnitsJob& job, const Graph& graph) {
  std::vector<UnitsLayer> layers;
  for (const std::string& name : job.layers) {
    const NodeId node = graph.find(name);
    if (node == 0) throw Error(ErrorKind::kUsage, "the input has no units").at(name);
    const bool known = std::any_of(layers.begin(), layers.end(),
                                   [&](const UnitsLayer& l) { return l.node == node; });
    if (known) continue;
    const std::int64_t count = graph.node(node).shape.c;
    layers.push_back({graph.node(node).name, node, chosen_maps(job, name, count),
                      TopActivations(count, static_cast<std::size_t>(job.top))});
  }
  if (layers.empty()) throw Error(ErrorKind::kUsage, "no layer given").hint("--layers conv3,conv5");
  return layers;
}

PlanRequest forward_request(const std::vector<UnitsLayer>& layers,
                            const Shape& input,
                            const RunContext& context) {
  PlanRequest request;
  request.input = input;
  request.output = layers.front().node;
  request.engines = context.settings.engines();
  for (const UnitsLayer& layer : layers) {
    request.output = std::max(request.output, layer.node);
    request.taps.push_back(layer.node);
  }
  return request;
}

}  // namespace

UnitSearch find_units(const UnitsJob& job,
                      const weights::Package& package,
                      const RunContext& context) {
  UnitSearch found;
  found.layers = open_layers(job, package.model.graph);
  const ImageSourcePtr source = open_images(job.data, job.source);
  Shape shape = package.model.graph.node(0).shape;
  shape.n = std::clamp<std::int64_t>(source->count().value_or(job.batch), 1, job.batch);
  Executor executor(package.model, forward_request(found.layers, shape, context),
                    context.settings.stream());
  const int threads = CpuStream(context.settings.threads).threads();
  Progress progress(context.observer, "search", source->count().value_or(0));
  std::int64_t next = 0;
  for (bool more = true; more;) {
    throw_if_cancelled(context.observer);
    std::vector<ImageEntry> entries;
    ImageEntry entry;
    std::size_t held = 0;
    while (static_cast<std::int64_t>(entries.size()) < shape.n && held < kMostHeldBytes &&
           (more = source->next(entry))) {
      held += held_bytes(entry);
      entries.push_back(std::move(entry));
    }
    if (entries.empty()) break;
    const Batch batch = load_batch(entries, 0, entries.size(), package.preprocess, shape, threads);
    for (const auto& failure : batch.failures) context.observer.warn(failure.error);
    found.failed += static_cast<std::int64_t>(batch.failures.size());
    if (!batch.entries.empty()) {
      executor.set_input(batch.input);
      executor.forward();
      std::vector<std::int64_t> numbers;
      for (const std::size_t i : batch.entries)
        numbers.push_back(next + static_cast<std::int64_t>(i));
      for (UnitsLayer& layer : found.layers)
        layer.best.add(executor.read(executor.value(layer.node)), numbers);
    }
    next += static_cast<std::int64_t>(entries.size());
    progress.add(static_cast<std::int64_t>(entries.size()));
  }
  found.images = next - found.failed;
  if (found.images == 0)
    throw Error(ErrorKind::kInput, "none of the pictures could be read").at(job.data.front());
  return found;
}

}  // namespace cutaway::explain
