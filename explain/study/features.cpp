#include "explain/study/features.h"

#include <algorithm>

#include "explain/visualize/filters.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

LayerKind kind_of(const Graph& graph, NodeId id) { return graph.node(id).layer->kind(); }

/// The only reader of a node, if it is of that kind; the node itself otherwise.
NodeId followed(const Graph& graph, NodeId id, LayerKind kind) {
  const auto& readers = graph.node(id).consumers;
  return readers.size() == 1 && kind_of(graph, readers[0]) == kind ? readers[0] : id;
}

}  // namespace

Features::Features(const Model& model,
                   std::vector<NodeId> layers,
                   const Evaluator::Resources& resources)
    : layers_(std::move(layers)) {
  if (layers_.empty()) throw Error(ErrorKind::kUsage, "features of no layer");
  PlanRequest request;
  request.input = model.graph.node(0).shape;
  request.input.n = 1;
  request.output = *std::max_element(layers_.begin(), layers_.end());
  request.taps = layers_;
  request.engines = resources.engines;
  executor_ = std::make_unique<Executor>(model, request, resources.stream);
  executor_->set_observer(*resources.observer);
}

std::vector<Tensor> Features::of(const Tensor& image) {
  executor_->set_input(image);
  executor_->forward();
  std::vector<Tensor> values;
  for (const NodeId layer : layers_) values.push_back(executor_->read(executor_->value(layer)));
  return values;
}

LayerChoice first_features(const Graph& graph) {
  NodeId id = first_convolution(graph);
  id = followed(graph, id, LayerKind::kBatchNorm);
  id = followed(graph, id, LayerKind::kRelu);
  const NodeId pool = followed(graph, id, LayerKind::kMaxPool);
  return {pool,
          pool != id ? "first convolution, rectified and pooled" : "first convolution, rectified"};
}

LayerChoice last_features(const Graph& graph) {
  const NodeId logits = logits_node(graph);
  NodeId id = graph.node(logits).inputs.at(0);
  while (id > 0 &&
         (kind_of(graph, id) == LayerKind::kDropout || kind_of(graph, id) == LayerKind::kFlatten)) {
    id = graph.node(id).inputs.at(0);
  }
  const Shape& s = graph.node(id).shape;
  if (id > 0 && s.h == 1 && s.w == 1) return {id, "vector that the class scores are made of"};
  return {logits, "class scores: they are made of maps"};
}

NodeId pooled_maps(const Graph& graph, NodeId node) {
  const NodeId norm = followed(graph, node, LayerKind::kLrn);
  const NodeId pool = followed(graph, norm, LayerKind::kMaxPool);
  if (pool != norm) return pool;
  throw Error(ErrorKind::kUnsupported, "the layer is not followed by a max pooling")
      .at(graph.node(node).name)
      .hint("take the rectified maps");
}

}  // namespace cutaway::explain
