#include "explain/visualize/layer_score.h"

#include "explain/visualize/rescue.h"
#include "runtime/error.h"

namespace cutaway::explain {

Model subnet(const Model& model, NodeId last, const Shape& image) {
  const Graph& from = model.graph;
  std::vector<bool> needed(static_cast<std::size_t>(last) + 1, false);
  needed[static_cast<std::size_t>(last)] = true;
  for (NodeId id = last; id > 0; --id) {
    if (!needed[static_cast<std::size_t>(id)]) continue;
    for (const NodeId in : from.node(id).inputs) needed[static_cast<std::size_t>(in)] = true;
  }
  Graph graph(Shape{1, image.c, image.h, image.w});
  std::vector<NodeId> now(static_cast<std::size_t>(last) + 1, 0), old{0};
  for (NodeId id = 1; id <= last; ++id) {
    if (!needed[static_cast<std::size_t>(id)]) continue;
    std::vector<NodeId> inputs;
    for (const NodeId in : from.node(id).inputs)
      inputs.push_back(now[static_cast<std::size_t>(in)]);
    now[static_cast<std::size_t>(id)] = graph.add(from.node(id).name, from.node(id).layer, inputs);
    old.push_back(id);
  }
  Model part(std::move(graph));
  part.parameters = Parameters::zeroed(part.graph);
  for (NodeId id = 0; id < part.graph.size(); ++id) {
    const auto source = model.parameters.of(old[static_cast<std::size_t>(id)]);
    const auto target = part.parameters.of(id);
    for (std::size_t i = 0; i < target.size(); ++i) {
      if (!(target[i].shape() == source[i].shape())) {
        throw Error(ErrorKind::kShape, "this layer takes pictures of one size only")
            .at(part.graph.node(id).name)
            .hint("choose a layer below it, or the net's own size");
      }
      target[i] = source[i].clone();
    }
  }
  return part;
}

LayerScore::LayerScore(const Model& model,
                       NodeId node,
                       const Shape& input,
                       Stream stream,
                       const kernels::EngineOptions& engines)
    : input_(input) {
  const Shape& own = model.graph.node(0).shape;
  const bool other_size = input.h != own.h || input.w != own.w;
  if (other_size) part_ = subnet(model, node, input);
  PlanRequest request;
  request.input = input;
  request.output = other_size ? part_->graph.last() : node;
  request.engines = engines;
  BackwardRequest gradient;
  gradient.from = request.output;
  gradient.to = {0};
  request.backward.push_back(gradient);
  gradient.rules = rescue_rules();
  request.backward.push_back(gradient);
  executor_ = std::make_unique<Executor>(other_size ? *part_ : model, request, std::move(stream));
}

void LayerScore::set_observer(Observer& observer) {
  observer_ = &observer;
  cancel_ = std::make_unique<CancelOnly>(observer);
  executor_->set_observer(*cancel_);
}

Tensor LayerScore::activations(const Tensor& x) {
  executor_->set_input(x);
  executor_->forward();
  return executor_->read(executor_->output());
}

double LayerScore::ascend(const Tensor& x, const Objective& objective, Tensor& dx, bool rescue) {
  const Tensor a = activations(x);
  Tensor seed = zeros(a.shape());
  const double value = objective.add(a, 1.0f, seed);
  const std::size_t pass = rescue ? 1 : 0;
  executor_->set_seed(pass, seed);
  executor_->backward(pass);
  dx = executor_->read(executor_->gradient(pass, 0));
  return value;
}

}  // namespace cutaway::explain
