#include "explain/graph/features/graph_layers.h"

#include <algorithm>
#include <map>

#include "explain/network.h"
#include "layers/receptive_field.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr std::int64_t kLeastSide = 6;
constexpr std::int64_t kMostSide = 40;

bool is_sum(const Graph& graph, NodeId id) {
  const LayerKind kind = graph.node(id).layer->kind();
  return kind == LayerKind::kConcat || kind == LayerKind::kAdd;
}

/// The last maps before the classifier; a net without one is all maps.
NodeId last_maps(const Graph& graph) {
  try {
    return default_layer(graph).node;
  } catch (const Error&) {
    return graph.last();
  }
}

std::vector<NodeId> usual_layers(const Graph& graph) {
  const std::vector<std::string> vgg{"conv4_2", "conv4_3", "conv5_2", "conv5_3"};
  std::vector<NodeId> named;
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (std::ranges::find(vgg, graph.node(id).name) != vgg.end()) named.push_back(id);
  }
  if (named.size() == vgg.size()) return named;

  const NodeId last = last_maps(graph);
  std::map<std::int64_t, std::vector<NodeId>, std::greater<>> sums,
      convolutions;  // by side, largest first
  for (NodeId id = 1; id <= last; ++id) {
    const Shape& s = graph.node(id).shape;
    if (s.h != s.w || s.h < kLeastSide || s.h > kMostSide) continue;
    if (is_sum(graph, id)) sums[s.h].push_back(id);
    if (graph.node(id).layer->kind() == LayerKind::kConv) convolutions[s.h].push_back(id);
  }
  for (const auto& [side, nodes] : convolutions) sums.try_emplace(side, nodes);
  const std::size_t each = sums.size() < 3 ? 2 : 1;
  std::vector<NodeId> chosen;
  for (const auto& [side, nodes] : sums) {
    const std::size_t count = std::min(each, nodes.size());
    chosen.insert(chosen.end(), nodes.end() - static_cast<std::ptrdiff_t>(count), nodes.end());
  }
  if (chosen.size() > 4) chosen.erase(chosen.begin(), chosen.end() - 4);
  if (chosen.empty()) {
    throw Error(ErrorKind::kUnsupported, "the net has no square maps of 6 to 40 cells a side")
        .hint("name layers with --layers");
  }
  return chosen;
}

}  // namespace

std::vector<TapLayer> graph_layers(const Graph& graph,
                                   const std::vector<std::string>& names,
                                   const std::vector<std::int64_t>& nodes) {
  std::vector<NodeId> ids;
  for (const std::string& name : names) ids.push_back(graph.find(name));
  if (ids.empty()) ids = usual_layers(graph);
  std::ranges::sort(ids);
  if (std::ranges::adjacent_find(ids) != ids.end())
    throw Error(ErrorKind::kUsage, "a layer named twice");
  if (nodes.size() > ids.size()) {
    throw Error(ErrorKind::kUsage, "more numbers of nodes than layers")
        .expected("one for all layers, or one each of " + std::to_string(ids.size()))
        .got(std::to_string(nodes.size()));
  }
  const std::vector<Fields> fields = receptive_fields(graph);
  std::vector<TapLayer> layers;
  for (const NodeId id : ids) {
    const Node& node = graph.node(id);
    if (node.shape.h != node.shape.w) {
      throw Error(ErrorKind::kUnsupported, "an explanatory graph needs square maps")
          .at(node.name)
          .got(to_string(node.shape));
    }
    const Field& field = fields[static_cast<std::size_t>(id)].rows;
    graph::LayerSpec spec;
    spec.name = node.name;
    spec.filters = node.shape.c;
    spec.size = node.shape.h;
    spec.stride = field.jump;
    spec.offset = field.center;
    // One number is for all layers.
    const std::size_t l = nodes.size() == 1 ? 0 : layers.size();
    spec.nodes = graph::usual_nodes(spec.size);
    spec.density = graph::usual_density(spec.size);
    if (l < nodes.size() && nodes[l] > 0) {
      spec.nodes = nodes[l];
      spec.density = static_cast<double>(nodes[l]) / static_cast<double>(spec.size * spec.size);
    }
    validate(spec);
    if (!layers.empty() && spec.stride < layers.back().spec.stride) {
      throw Error(ErrorKind::kUsage, "layers of a graph go from fine to coarse").at(spec.name);
    }
    layers.push_back({id, spec});
  }
  return layers;
}

}  // namespace cutaway::explain
