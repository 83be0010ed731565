#include "explain/training/transfer/features.h"

#include <algorithm>
#include <cmath>

#include "explain/pictures/preprocess.h"
#include "explain/training/data/loader.h"
#include "layers/classifier.h"
#include "layers/executor.h"
#include "runtime/progress.h"

namespace cutaway::training {
namespace {

/// Means over the plane, brought to length 1.
void append_row(const Tensor& value, std::int64_t n, FeatureTable& to) {
  const Shape& s = value.shape();
  const auto plane = static_cast<std::size_t>(s.plane());
  const std::size_t first = to.values.size();
  double squares = 0.0;
  for (std::int64_t c = 0; c < s.c; ++c) {
    const auto map = value.f32().subspan(static_cast<std::size_t>(n * s.c + c) * plane, plane);
    double sum = 0.0;
    for (const float v : map) sum += static_cast<double>(v);
    sum /= static_cast<double>(plane);
    squares += sum * sum;
    to.values.push_back(static_cast<float>(sum));
  }
  const double scale = squares > 0.0 ? 1.0 / std::sqrt(squares) : 0.0;
  for (std::size_t i = first; i < to.values.size(); ++i)
    to.values[i] = static_cast<float>(static_cast<double>(to.values[i]) * scale);
}

}  // namespace

std::vector<FeatureTable> extract_features(const weights::Package& package,
                                           const LabelledSet& set,
                                           const std::vector<std::string>& layers,
                                           std::int64_t batch,
                                           const explain::RunContext& context) {
  const Graph& graph = package.model.graph;
  const auto count = static_cast<std::int64_t>(set.pictures.size());
  PlanRequest request;
  request.input = graph.node(0).shape;
  request.input.n = std::clamp<std::int64_t>(batch, 1, std::max<std::int64_t>(1, count));
  request.engines = context.settings.engines();
  request.output = 0;
  std::vector<FeatureTable> tables;
  std::vector<NodeId> nodes;
  for (const std::string& layer : layers) {
    const NodeId node = graph.find(layer);
    nodes.push_back(node);
    request.taps.push_back(node);
    request.output = std::max(request.output, node);
    tables.push_back({layer, graph.node(node).shape.c, {}});
  }
  Executor executor(package.model, request, context.settings.stream());
  const std::int64_t n = request.input.n;
  const weights::Preprocess& rule = package.preprocess;
  BatchLoader loader(
      {request.input, context.settings.cpu_threads(), 3, 0, (count + n - 1) / n},
      [&](std::int64_t number) {
        std::vector<std::int64_t> pictures;
        for (std::int64_t i = number * n; i < std::min(count, (number + 1) * n); ++i)
          pictures.push_back(i);
        return pictures;
      },
      [&](std::int64_t, std::int64_t picture, View<float> to, std::int64_t at) {
        explain::fill_input(explain::resize_and_crop(set.read(picture), rule), rule, to, at);
      });
  Progress progress(context.observer, "features", count);
  for (std::int64_t done = 0; done < count; done += n) {
    throw_if_cancelled(context.observer);
    const BatchLoader::Batch& b = loader.next();
    executor.set_input(b.images);
    executor.forward();
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      const Tensor value = executor.read(executor.value(nodes[k]));
      for (std::size_t i = 0; i < b.pictures.size(); ++i)
        append_row(value, static_cast<std::int64_t>(i), tables[k]);
    }
    progress.add(static_cast<std::int64_t>(b.pictures.size()));
  }
  return tables;
}

std::vector<std::string> transfer_layers(const Graph& graph) {
  constexpr std::size_t kMaps = 4;
  const NodeId logits = logits_node(graph);
  const NodeId last = graph.node(logits).inputs.at(0);
  std::vector<NodeId> rectified;
  for (NodeId id = 1; id < last; ++id) {
    const Node& node = graph.node(id);
    if (node.layer->type() == "relu" && node.shape.h > 1) rectified.push_back(id);
  }
  std::vector<std::string> layers;
  const std::size_t count = std::min(kMaps, rectified.size());
  for (std::size_t i = 0; i < count; ++i)
    layers.push_back(graph.node(rectified[i * rectified.size() / count]).name);
  layers.push_back(graph.node(last).name);
  return layers;
}

}  // namespace cutaway::training
