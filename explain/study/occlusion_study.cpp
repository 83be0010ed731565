#include "explain/study/occlusion_study.h"
#include "explain/class_probability.h"

#include <algorithm>
#include <numeric>

#include "layers/concat.h"
#include "layers/global_pool.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

struct Axis {
  std::vector<Span> spans;
  std::vector<double> centers;
};

Axis axis(std::int64_t extent, std::int64_t size, std::int64_t stride, bool centered) {
  Axis a;
  if (!centered) {
    for (std::int64_t p = 0; p + size <= extent; p += stride) {
      a.spans.push_back({p, p + size - 1});
      a.centers.push_back(static_cast<double>(p) + static_cast<double>(size - 1) / 2);
    }
    return a;
  }
  const std::int64_t count = (extent - 1) / stride + 1;
  const std::int64_t first = (extent - 1 - (count - 1) * stride) / 2;
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int64_t from = first + k * stride - (size - 1) / 2;
    a.spans.push_back({std::max<std::int64_t>(0, from), std::min(extent - 1, from + size - 1)});
    a.centers.push_back(static_cast<double>(from) + static_cast<double>(size - 1) / 2);
  }
  return a;
}

/// The same network, whose output has the classes' scores and behind them the mean of every map.
Model with_means(const Model& model, NodeId logits, NodeId maps, NodeId& output) {
  Graph graph = model.graph;
  std::vector<NodeId> origin(static_cast<std::size_t>(graph.size()));
  std::iota(origin.begin(), origin.end(), NodeId{0});
  const NodeId means = graph.add("study/means", std::make_shared<GlobalAveragePool>(), {maps});
  output = graph.add("study/output", std::make_shared<Concat>(), {logits, means});
  origin.insert(origin.end(), {-1, -1});
  return {std::move(graph), model.parameters.shared(origin), model.cache};
}

double sum_of(std::span<const float> values) {
  double sum = 0.0;
  for (const float v : values) sum += static_cast<double>(v);
  return sum;
}

}  // namespace

OccluderGrid occluder_grid(const Shape& image,
                           std::int64_t size,
                           std::int64_t stride,
                           bool centered) {
  if (size < 1 || size > std::min(image.h, image.w) || stride < 1) {
    throw Error(ErrorKind::kUsage, "square of the occluder")
        .expected("1 to " + std::to_string(std::min(image.h, image.w)) +
                  " pixels, moved by 1 or more")
        .got(std::to_string(size) + " pixels, moved by " + std::to_string(stride));
  }
  const Axis rows = axis(image.h, size, stride, centered);
  const Axis columns = axis(image.w, size, stride, centered);
  OccluderGrid grid{static_cast<std::int64_t>(rows.spans.size()),
                    static_cast<std::int64_t>(columns.spans.size()),
                    size,
                    stride,
                    {},
                    rows.centers,
                    columns.centers};
  for (const Span& r : rows.spans) {
    for (const Span& c : columns.spans) grid.squares.push_back({r, c});
  }
  return grid;
}

OcclusionStudy::OcclusionStudy(const Model& model,
                               NodeId logits,
                               NodeId maps,
                               OccluderGrid grid,
                               const Evaluator::Resources& resources,
                               Occluder::Passes passes)
    : grid_(std::move(grid)),
      classes_(model.graph.node(logits).shape.c),
      plane_(model.graph.node(maps).shape.plane()),
      maps_(maps),
      head_(class_head(model.graph)) {
  if (maps <= 0 || maps > logits || plane_ < 2) {
    throw Error(ErrorKind::kUsage, "maps to watch")
        .at(model.graph.node(maps).name)
        .expected("a layer of maps below the class scores")
        .got(to_string(model.graph.node(maps).shape));
  }
  NodeId output = 0;
  model_ = std::make_unique<Model>(with_means(model, logits, maps, output));
  PlanRequest request;
  request.input = model_->graph.node(0).shape;
  request.input.n = 1;
  request.output = output;
  request.taps = {maps};
  request.engines = resources.engines;
  clear_ = std::make_unique<Executor>(*model_, request, resources.stream);
  clear_->set_observer(*resources.observer);
  occluder_ = std::make_unique<Occluder>(*model_, output, resources, grid_.squares, passes);
}

ClearView OcclusionStudy::look(std::span<const float> image, StrongestBy by) {
  clear_->set_input(tensor_of(model_->graph.node(0).shape, image));
  clear_->forward();
  const Tensor output = clear_->read(clear_->output());
  const Tensor maps = clear_->read(clear_->value(maps_));
  ClearView view;
  view.scores.assign(output.f32().begin(), output.f32().begin() + classes_);
  const auto plane = static_cast<std::size_t>(plane_);
  const auto map_sum = [&](std::int64_t k) {
    return sum_of(maps.f32().subspan(static_cast<std::size_t>(k) * plane, plane));
  };
  if (by == StrongestBy::kMaximum) {
    view.map = strongest_channel(maps, 0);
  } else {
    for (std::int64_t k = 1; k < maps.shape().c; ++k) {
      if (map_sum(k) > map_sum(view.map)) view.map = k;
    }
  }
  view.strongest = peak(maps, 0, view.map);
  view.activation = map_sum(view.map);
  return view;
}

OcclusionPanels OcclusionStudy::occlude(std::span<const float> image,
                                        std::span<const float> fill,
                                        std::int64_t map,
                                        std::int64_t target) {
  check(map >= 0 && map < model_->graph.node(maps_).shape.c && target >= 0 && target < classes_,
        "a map and a class of the network");
  OcclusionPanels panels;
  occluder_->run(image, fill, [&](std::int64_t, std::span<const float> values) {
    const auto scores = values.first(static_cast<std::size_t>(classes_));
    const float mean = values[static_cast<std::size_t>(classes_ + map)];
    panels.activation.push_back(
        static_cast<float>(static_cast<double>(mean) * static_cast<double>(plane_)));
    panels.probability.push_back(static_cast<float>(class_probability(scores, target, head_)));
    panels.best.push_back(std::max_element(scores.begin(), scores.end()) - scores.begin());
  });
  return panels;
}

}  // namespace cutaway::explain
