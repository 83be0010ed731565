#include "layers/training/head.h"

#include <vector>

#include "layers/classifier.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/softmax.h"
#include "layers/template_mask.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

NodeId head_layer(const Graph& graph, const std::string& name) {
  return name.empty() ? default_layer(graph).node : graph.find(name);
}

/// Nodes that `last` depends on, itself among them.
std::vector<bool> ancestors(const Graph& graph, NodeId last) {
  std::vector<bool> needed(static_cast<std::size_t>(graph.size()), false);
  needed[0] = needed[static_cast<std::size_t>(last)] = true;
  for (NodeId id = last; id > 0; --id) {
    if (!needed[static_cast<std::size_t>(id)]) continue;
    for (const NodeId in : graph.node(id).inputs) needed[static_cast<std::size_t>(in)] = true;
  }
  return needed;
}

/// `name`, or with a number behind it where a layer below the head is called that.
std::string free_name(const Graph& graph, const std::string& name) {
  std::string free = name;
  const auto taken = [&] {
    for (const Node& node : graph.nodes())
      if (node.name == free) return true;
    return graph.aliases().contains(free);
  };
  for (int i = 2; taken(); ++i) free = name + "_" + std::to_string(i);
  return free;
}

void add_head(Graph& graph, const HeadOptions& o) {
  const auto add = [&](const char* name, LayerPtr layer) {
    graph.add(free_name(graph, name), std::move(layer));
  };
  const Shape in = graph.node(graph.last()).shape;  // nodes move when one is added
  if (o.mask_beta > 0.0) add("mask", std::make_shared<TemplateMask>(o.mask_beta));
  const bool vector = in.h == 1 && in.w == 1;
  if (o.kind == HeadKind::kDense) {
    if (!vector) add("flatten", std::make_shared<Flatten>());
  } else if (o.kind == HeadKind::kAverage) {
    add("gap", std::make_shared<GlobalAveragePool>());
  } else {
    add("gmp", std::make_shared<GlobalMaxPool>());
  }
  if (o.dropout > 0.0f) add("drop", std::make_shared<Dropout>(o.dropout));
  add("fc", std::make_shared<Dense>(o.classes));
  add("prob", std::make_shared<Softmax>());
}

}  // namespace

Model replace_head(const Model& model, const HeadOptions& o) {
  if (o.classes < 1) {
    throw Error(ErrorKind::kInput, "classes of a head")
        .expected("at least 1")
        .got(std::to_string(o.classes));
  }
  const Graph& old = model.graph;
  const NodeId from = head_layer(old, o.from);
  const std::vector<bool> needed = ancestors(old, from);
  Graph graph(old.node(0).shape);
  std::vector<NodeId> place(needed.size(), -1);
  place[0] = 0;
  for (NodeId id = 1; id <= from; ++id) {
    if (!needed[static_cast<std::size_t>(id)]) continue;
    std::vector<NodeId> inputs;
    for (const NodeId in : old.node(id).inputs)
      inputs.push_back(place[static_cast<std::size_t>(in)]);
    place[static_cast<std::size_t>(id)] = graph.add(old.node(id).name, old.node(id).layer, inputs);
  }
  for (const auto& [alias, node] : old.aliases()) {
    const NodeId at = place[static_cast<std::size_t>(node)];
    if (at >= 0) graph.alias(alias, at);
  }
  add_head(graph, o);
  Parameters parameters = initial_parameters(graph, o.initial, o.seed);
  for (NodeId id = 1; id <= from; ++id) {
    const NodeId at = place[static_cast<std::size_t>(id)];
    if (at < 0) continue;
    for (std::size_t i = 0; i < parameters.of(at).size(); ++i)
      parameters.of(at)[i] = to_device(model.parameters.of(id)[i], kCpuDevice);
  }
  return {std::move(graph), std::move(parameters)};
}

}  // namespace cutaway
