#include <algorithm>
#include <numeric>

#include "explain/runs/batch.h"
#include "explain/runs/picture_loop.h"
#include "explain/runs/run_resume.h"
#include "explain/units/run/search.h"
#include "explain/units/run/units_run.h"
#include "layers/executor.h"
#include "runtime/error.h"
#include "runtime/stopwatch.h"

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

/// How far a search is, as Steps keeps it.
struct SearchState {
  std::int64_t pictures{0}, images{0}, failed{0};
  std::vector<std::pair<std::string, std::string>> complaints;
  std::vector<std::vector<std::vector<Activation>>> best;  // layer, map
};

auto members(SearchState& s) {
  return std::tie(s.pictures, s.images, s.failed, s.complaints, s.best);
}

constexpr const char* kSearchStep = "search";
constexpr double kKeepEverySeconds = 5;

/// Keeps the strongest activations of what it is shown.
class Search final : public PictureTask {
 public:
  Search(UnitSearch& found,
         const weights::Package& package,
         const Shape& shape,
         const RunContext& context,
         Steps& steps)
      : found_(found),
        steps_(steps),
        package_(package),
        shape_(shape),
        context_(context),
        executor_(package.model,
                  forward_request(found.layers, shape, context),
                  context.settings.stream()) {}

  /// Takes over what an earlier run kept; returns how many pictures that was.
  std::int64_t go_on() {
    const auto state = steps_.last<SearchState>(kSearchStep);
    if (!state) return 0;
    found_.images = state->images;
    found_.complaints.count = state->failed;
    found_.complaints.named = state->complaints;
    for (std::size_t l = 0; l < found_.layers.size(); ++l) {
      for (std::size_t map = 0; map < state->best.at(l).size(); ++map) {
        for (const Activation& a : state->best[l][map])
          found_.layers[l].best.add(static_cast<std::int64_t>(map), a);
      }
    }
    return done_ = state->pictures;
  }

  /// All that was found so far, once more than was kept.
  std::vector<Record> flush() override {
    if (done_ > kept_) keep();
    return {};
  }

  std::vector<Record> work(std::int64_t first, std::vector<ImageEntry>& entries) override {
    add(first, entries);
    done_ = first + static_cast<std::int64_t>(entries.size());
    if (seconds_since(kept_at_) > kKeepEverySeconds) keep();
    return {};
  }

 private:
  void keep() {
    kept_ = done_;
    kept_at_ = Clock::now();
    SearchState state{done_, found_.images, found_.complaints.count, found_.complaints.named, {}};
    for (const UnitsLayer& layer : found_.layers) {
      state.best.emplace_back();
      for (std::int64_t map = 0; map < layer.best.maps(); ++map) {
        const auto best = layer.best.of(map);
        state.best.back().emplace_back(best.begin(), best.end());
      }
    }
    steps_.keep(kSearchStep, state);
  }

  void add(std::int64_t first, const std::vector<ImageEntry>& entries) {
    const Batch batch = load_batch(entries, 0, entries.size(), package_.preprocess, shape_,
                                   context_.settings.cpu_threads());
    for (const auto& failure : batch.failures) {
      context_.observer.warn(failure.error);
      found_.complaints.add(entries[failure.entry].name, failure.error);
    }
    found_.images += static_cast<std::int64_t>(batch.entries.size());
    if (batch.entries.empty()) return;
    executor_.set_input(batch.input);
    executor_.forward();
    std::vector<std::int64_t> numbers;
    for (const std::size_t i : batch.entries)
      numbers.push_back(first + static_cast<std::int64_t>(i));
    for (UnitsLayer& layer : found_.layers)
      layer.best.add(executor_.read(executor_.value(layer.node)), numbers);
  }

  UnitSearch& found_;
  Steps& steps_;
  std::int64_t done_{0}, kept_{0};  // pictures
  Clock::time_point kept_at_{Clock::now()};
  const weights::Package& package_;
  const Shape shape_;
  const RunContext& context_;
  Executor executor_;
};

}  // namespace

Record units_identity(const UnitsJob& job,
                      const weights::Package& package,
                      const char* verb,
                      const RunContext& context) {
  const std::vector<MethodChoice> methods;
  Record identity = run_identity(
      {.inputs = job.data, .source = job.source, .methods = methods, .layers = job.layers}, package,
      context);
  identity["verb"] = verb;
  identity["maps"] = job.maps;
  identity["top"] = job.top;
  identity["batch"] = job.batch;
  identity["rules"] = job.rules;
  return as_read_back(identity);
}

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
                      const RunContext& context,
                      Steps& steps) {
  UnitSearch found;
  found.layers = open_layers(job, package.model.graph);
  const ImageSourcePtr source = open_units_data(job);
  Shape shape = package.model.graph.node(0).shape;
  shape.n = std::clamp<std::int64_t>(source->count().value_or(job.batch), 1, job.batch);
  Search search(found, package, shape, context, steps);
  const LoopPlan plan{
      .task = "search", .batch = shape.n, .skip = search.go_on(), .journaled = false};
  (void)run_pictures(plan, nullptr, *source, search, context);
  if (found.images == 0)
    throw Error(ErrorKind::kInput, "none of the pictures could be read").at(job.data.front());
  return found;
}

UnitSearch find_units(const UnitsJob& job,
                      const weights::Package& package,
                      const RunContext& context) {
  Steps none;
  return find_units(job, package, context, none);
}

}  // namespace cutaway::explain
