#include "explain/units/regional_projector.h"

#include <algorithm>

#include "layers/receptive_field.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

std::vector<Region> every_unit(const Shape& plane) {
  std::vector<Region> units;
  for (std::int64_t i = 0; i < plane.h; ++i) {
    for (std::int64_t j = 0; j < plane.w; ++j) units.push_back({{i, i}, {j, j}});
  }
  return units;
}

/// Multiply-adds of everything `node` depends on.
std::int64_t macs_below(const Graph& graph, NodeId node) {
  std::vector<bool> needed(static_cast<std::size_t>(graph.size()));
  needed[static_cast<std::size_t>(node)] = true;
  std::int64_t macs = 0;
  for (NodeId id = node; id > 0; --id) {
    if (!needed[static_cast<std::size_t>(id)]) continue;
    std::vector<Shape> in;
    for (const NodeId input : graph.node(id).inputs) {
      needed[static_cast<std::size_t>(input)] = true;
      in.push_back(graph.node(input).shape);
    }
    macs += graph.node(id).layer->macs(in);
  }
  return macs;
}

/// Reads the window of a plane that begins at (row, column): 0 outside.
void cut(std::span<const float> image,
         const Shape& plane,
         std::int64_t row,
         std::int64_t column,
         const Shape& window,
         std::span<float> out) {
  std::ranges::fill(out, 0.0f);
  const std::int64_t first = std::max<std::int64_t>(0, -column);
  const std::int64_t last = std::min(window.w, plane.w - column);
  for (std::int64_t c = 0; c < window.c; ++c) {
    for (std::int64_t i = 0; i < window.h; ++i) {
      if (row + i < 0 || row + i >= plane.h || last <= first) continue;
      const float* in = image.data() + (c * plane.h + row + i) * plane.w + column;
      std::copy(in + first, in + last, out.data() + (c * window.h + i) * window.w + first);
    }
  }
}

}  // namespace

RegionalProjector::RegionalProjector(const Model& model,
                                     NodeId layer,
                                     const RuleSet& rules,
                                     const Evaluator::Resources& resources,
                                     std::int64_t batch)
    : model_(model),
      layer_(layer),
      image_(model.graph.node(0).shape),
      plane_(model.graph.node(layer).shape),
      observer_(resources.observer),
      cancel_(*resources.observer) {
  regional_ =
      std::make_unique<RegionalModel>(RegionalModel::needed(model, every_unit(plane_), layer));
  work_ = static_cast<double>(regional_->model().graph.macs()) /
          static_cast<double>(std::max<std::int64_t>(1, macs_below(model.graph, layer)));
  PlanRequest request;
  request.input = regional_->model().graph.node(0).shape;
  request.input.n = batch;
  request.engines = resources.engines;
  request.guard = false;
  request.backward = {{rules, -1, {0}, false}};
  executor_ = std::make_unique<Executor>(regional_->model(), request, resources.stream);
  executor_->set_observer(cancel_);
  input_ = zeros(request.input);
}

std::vector<RegionalProjector::Projection> RegionalProjector::project(std::span<const Job> jobs) {
  const auto size = static_cast<std::size_t>(image_.c * image_.plane());
  for (const Job& job : jobs) {
    const bool inside = job.channel >= 0 && job.channel < plane_.c && job.row >= 0 &&
                        job.row < plane_.h && job.column >= 0 && job.column < plane_.w;
    if (!inside || job.image.size() != size) {
      throw Error(ErrorKind::kUsage, "unit to project")
          .at(model_.graph.node(layer_).name)
          .expected("an image of " + to_string(image_) + ", a unit within " + to_string(plane_))
          .got(std::to_string(job.channel) + ", " + std::to_string(job.row) + ", " +
               std::to_string(job.column));
    }
  }
  std::vector<Projection> results;
  const auto batch = static_cast<std::size_t>(input_.shape().n);
  for (std::size_t first = 0; first < jobs.size(); first += batch) {
    project_batch(jobs.subspan(first, std::min(batch, jobs.size() - first)), results);
    observer_->progress("projections", static_cast<double>(results.size()),
                        static_cast<double>(jobs.size()));
  }
  return results;
}

void RegionalProjector::project_batch(std::span<const Job> jobs, std::vector<Projection>& results) {
  const auto batch = static_cast<std::size_t>(input_.shape().n);
  std::vector<Region> units;
  for (std::size_t i = 0; i < batch; ++i) {  // a batch that is not full repeats its last unit
    const Job& job = jobs[std::min(i, jobs.size() - 1)];
    units.push_back({{job.row, job.row}, {job.column, job.column}});
  }
  const auto places = regional_->place(units, executor_->stream());
  const Shape& window = input_.shape();
  const auto size = static_cast<std::size_t>(window.c * window.plane());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    cut(jobs[i].image, image_, places[i].input_row, places[i].input_column, window,
        input_.f32().subspan(i * size, size));
  }
  executor_->set_input(input_);
  executor_->forward();
  const Tensor values = executor_->read(executor_->output());
  std::vector<Executor::Unit> seeds;
  for (std::size_t i = 0; i < batch; ++i) {
    const std::int64_t channel = jobs[std::min(i, jobs.size() - 1)].channel;
    const std::int64_t row = units[i].rows.first - places[i].output_row;
    const std::int64_t column = units[i].columns.first - places[i].output_column;
    const float value = values.ref().in().at(static_cast<std::int64_t>(i), channel, row, column);
    seeds.push_back({channel, row, column, value});
  }
  executor_->seed_units(0, seeds);
  executor_->backward(0);
  const Tensor signal = executor_->read(executor_->gradient(0, 0));
  const auto shapes = model_.graph.infer(image_);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Projection p{region_below(model_.graph, shapes, layer_, units[i]), {}, seeds[i].value};
    const Shape part{1, window.c, p.region.rows.size(), p.region.columns.size()};
    p.pixels.resize(static_cast<std::size_t>(part.count()));
    cut(signal.f32().subspan(i * size, size), window, p.region.rows.first - places[i].input_row,
        p.region.columns.first - places[i].input_column, part, p.pixels);
    results.push_back(std::move(p));
  }
}

}  // namespace cutaway::explain
