#include "layers/tail.h"

#include "runtime/error.h"

namespace cutaway {

Tail tail_of(const Model& full, NodeId node, NodeId output) {
  const Graph& graph = full.graph;
  std::vector<bool> needed(static_cast<std::size_t>(graph.size()));
  needed[static_cast<std::size_t>(output)] = true;
  std::vector<NodeId> nodes(needed.size(), -1);
  std::vector<NodeId> origin{-1};
  Graph tail(graph.node(node).shape);
  nodes[static_cast<std::size_t>(node)] = 0;
  for (NodeId id = output; id > node; --id) {
    if (!needed[static_cast<std::size_t>(id)]) continue;
    for (const NodeId input : graph.node(id).inputs) needed[static_cast<std::size_t>(input)] = true;
  }
  for (NodeId id = node + 1; id <= output; ++id) {
    if (!needed[static_cast<std::size_t>(id)]) continue;
    std::vector<NodeId> inputs;
    for (const NodeId input : graph.node(id).inputs) {
      inputs.push_back(nodes[static_cast<std::size_t>(input)]);
      if (inputs.back() < 0) {
        throw Error(ErrorKind::kUnsupported, "the layers above '" + graph.node(node).name +
                                                 "' also read '" + graph.node(input).name + "'")
            .at(graph.node(id).name)
            .hint("choose a layer through which everything passes");
      }
    }
    nodes[static_cast<std::size_t>(id)] =
        tail.add(graph.node(id).name, graph.node(id).layer, inputs);
    origin.push_back(id);
  }
  return {Model(std::move(tail), full.parameters.shared(origin), full.cache), std::move(nodes)};
}

}  // namespace cutaway
