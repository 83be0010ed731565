#include <algorithm>
#include <numeric>

#include "explain/runs/batch.h"
#include "explain/runs/picture_loop.h"
#include "explain/units/run/units_run.h"
#include "layers/executor.h"
#include "runtime/error.h"

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

/// Keeps the strongest activations of what it is shown.
class Search final : public PictureTask {
 public:
  Search(UnitSearch& found,
         const weights::Package& package,
         const Shape& shape,
         const RunContext& context)
      : found_(found),
        package_(package),
        shape_(shape),
        context_(context),
        executor_(package.model,
                  forward_request(found.layers, shape, context),
                  context.settings.stream()) {}

  std::vector<Record> work(std::int64_t first, std::vector<ImageEntry>& entries) override {
    const Batch batch = load_batch(entries, 0, entries.size(), package_.preprocess, shape_,
                                   context_.settings.cpu_threads());
    for (const auto& failure : batch.failures) {
      context_.observer.warn(failure.error);
      found_.complaints.add(entries[failure.entry].name, failure.error);
    }
    found_.images += static_cast<std::int64_t>(batch.entries.size());
    if (batch.entries.empty()) return {};
    executor_.set_input(batch.input);
    executor_.forward();
    std::vector<std::int64_t> numbers;
    for (const std::size_t i : batch.entries)
      numbers.push_back(first + static_cast<std::int64_t>(i));
    for (UnitsLayer& layer : found_.layers)
      layer.best.add(executor_.read(executor_.value(layer.node)), numbers);
    return {};
  }

 private:
  UnitSearch& found_;
  const weights::Package& package_;
  const Shape shape_;
  const RunContext& context_;
  Executor executor_;
};

}  // namespace

void check_data(const UnitsJob& job) {
  if (std::find(job.data.begin(), job.data.end(), "-") == job.data.end()) return;
  throw Error(ErrorKind::kUsage, "the data is gone through twice, standard input only once")
      .hint("give a list");
}

ImageSourcePtr open_units_data(const UnitsJob& job) {
  SourceOptions options = job.source;
  options.without = job.out;
  return open_images(job.data, options);
}

UnitSearch find_units(const UnitsJob& job,
                      const weights::Package& package,
                      const RunContext& context) {
  UnitSearch found;
  found.layers = open_layers(job, package.model.graph);
  const ImageSourcePtr source = open_units_data(job);
  Shape shape = package.model.graph.node(0).shape;
  shape.n = std::clamp<std::int64_t>(source->count().value_or(job.batch), 1, job.batch);
  Search search(found, package, shape, context);
  const LoopPlan plan{.task = "search", .batch = shape.n, .journaled = false};
  (void)run_pictures(plan, nullptr, *source, search, context);
  if (found.images == 0)
    throw Error(ErrorKind::kInput, "none of the pictures could be read").at(job.data.front());
  return found;
}

}  // namespace cutaway::explain
