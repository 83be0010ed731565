#include "weights/fold.h"

#include <cmath>

#include "layers/registry.h"
#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr NodeId kNone = -1;

// The convolution that a node, if it is a batch normalisation, can be folded into.
NodeId folds_into(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.layer->kind() != LayerKind::kBatchNorm || node.inputs.size() != 1) return kNone;
  const Node& before = graph.node(node.inputs[0]);
  return before.layer->kind() == LayerKind::kConv && before.consumers.size() == 1 ? node.inputs[0]
                                                                                  : kNone;
}

std::span<const float> parameter(const Model& model, NodeId id, std::string_view name) {
  const std::vector<ParameterSpec> specs = model.graph.parameters(id);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return model.parameters.of(id)[i].f32();
  }
  return {};
}

LayerPtr with_bias(const Layer& conv) {
  Attributes attributes = conv.attributes();
  attributes.set("bias", true);
  return make_layer(conv.type(), attributes);
}

void fold(
    const Model& from, NodeId conv, NodeId norm, std::span<float> weight, std::span<float> bias) {
  const std::span<const float> w = parameter(from, conv, "weight");
  const std::span<const float> b = parameter(from, conv, "bias");
  const std::span<const float> gamma = parameter(from, norm, "gamma");
  const std::span<const float> beta = parameter(from, norm, "beta");
  const std::span<const float> mean = parameter(from, norm, "mean");
  const std::span<const float> variance = parameter(from, norm, "variance");
  const double eps = from.graph.node(norm).layer->attributes().number("eps", 1e-5);
  const std::size_t per_channel = weight.size() / bias.size();
  for (std::size_t o = 0; o < bias.size(); ++o) {
    const double spread = double{variance[o]} + eps;
    if (!(spread > 0.0)) {
      throw Error(ErrorKind::kInput, "a variance that is not positive")
          .at(from.graph.node(norm).name)
          .got(std::to_string(variance[o]));
    }
    const double r = double{gamma[o]} / std::sqrt(spread);
    const double own = b.empty() ? 0.0 : double{b[o]};
    bias[o] = static_cast<float>(double{beta[o]} + (own - double{mean[o]}) * r);
    for (std::size_t i = o * per_channel; i < (o + 1) * per_channel; ++i) {
      weight[i] = static_cast<float>(double{w[i]} * r);
    }
  }
}

}  // namespace

Model fold_batch_norm(const Model& model) {
  const Graph& old = model.graph;
  const auto index = [](NodeId id) { return static_cast<std::size_t>(id); };
  std::vector<NodeId> norm_of(index(old.size()), kNone);  // of a convolution
  std::vector<NodeId> now(index(old.size()), 0);          // old number -> new one
  for (NodeId id = 1; id < old.size(); ++id) {
    if (const NodeId conv = folds_into(old, id); conv != kNone) norm_of[index(conv)] = id;
  }
  Graph graph(old.node(0).shape);
  for (NodeId id = 1; id < old.size(); ++id) {
    const Node& node = old.node(id);
    if (const NodeId conv = folds_into(old, id); conv != kNone) {
      now[index(id)] = now[index(conv)];
      continue;
    }
    std::vector<NodeId> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(now[index(input)]);
    now[index(id)] = graph.add(
        node.name, norm_of[index(id)] == kNone ? node.layer : with_bias(*node.layer), inputs);
  }
  for (NodeId id = 1; id < old.size(); ++id) {
    if (folds_into(old, id) != kNone) graph.alias(old.node(id).name, now[index(id)]);
  }
  for (const auto& [alias, id] : old.aliases()) graph.alias(alias, now[index(id)]);

  Model folded(std::move(graph));
  folded.parameters = Parameters::zeroed(folded.graph);
  for (NodeId id = 1; id < old.size(); ++id) {
    const std::span<Tensor> to = folded.parameters.of(now[index(id)]);
    if (norm_of[index(id)] != kNone) {
      fold(model, id, norm_of[index(id)], to[0].f32(), to[1].f32());
    } else if (folds_into(old, id) == kNone) {
      const std::span<const Tensor> from = model.parameters.of(id);
      for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i].clone();
    }
  }
  return folded;
}

}  // namespace cutaway::weights
