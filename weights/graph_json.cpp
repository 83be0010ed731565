#include "weights/graph_json.h"

#include "layers/registry.h"
#include "runtime/error.h"
#include "weights/json.h"

namespace cutaway::weights {
namespace {

constexpr std::size_t kMostNodes = 100'000;
constexpr std::size_t kMostInputs = 1024;
constexpr std::size_t kMostName = 256;
constexpr std::int64_t kMostExtent = 1 << 20;

Json attributes_json(const Attributes& attributes) {
  Json object = Json::object();
  for (const auto& [name, value] : attributes.values()) {
    std::visit([&, &key = name](const auto& v) { object[key] = v; }, value);
  }
  return object;
}

Attributes attributes_from(const Json& object) {
  Attributes attributes;
  for (const auto& [name, value] : object.items()) {
    if (value.is_boolean()) {
      attributes.set(name, value.get<bool>());
    } else if (value.is_number_integer()) {
      attributes.set(name, value.get<std::int64_t>());
    } else if (value.is_number_float()) {
      attributes.set(name, value.get<double>());
    } else if (value.is_string()) {
      attributes.set(name, value.get<std::string>());
    } else {
      throw Error(ErrorKind::kInput, "attribute '" + name.substr(0, 64) + "'")
          .expected("a number, a text, true or false");
    }
  }
  return attributes;
}

// Only the name itself: Graph::find would accept aliases and answer with hints for a person.
using Names = std::map<std::string, NodeId>;

NodeId known(const Names& names, const Json& name) {
  if (name.is_string()) {
    if (const auto found = names.find(name.get_ref<const std::string&>()); found != names.end()) {
      return found->second;
    }
  }
  throw Error(ErrorKind::kInput, "names a node that does not come earlier")
      .got(name.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 64));
}

void add_node(Graph& graph, Names& names, const Json& json) {
  JsonObject node(json, "graph node " + std::to_string(graph.size()));
  const std::string name = node.text("name");
  if (name.size() > kMostName) throw Error(ErrorKind::kInput, "a node name of more than 256 bytes");
  try {
    const std::string type = node.text("type");
    if (type == "input") throw Error(ErrorKind::kInput, "a second input");
    LayerPtr layer = make_layer(type, attributes_from(node.object("attributes")));
    const Json& inputs = node.array("inputs");
    if (inputs.size() > kMostInputs) throw Error(ErrorKind::kInput, "more than 1024 inputs");
    std::vector<NodeId> ids;
    for (const Json& input : inputs) ids.push_back(known(names, input));
    node.finish();
    names[name] = graph.add(name, std::move(layer), std::move(ids));
  } catch (const Error& error) {
    throw error.located(name);
  }
}

}  // namespace

std::string to_json(const Graph& graph) {
  const Shape& input = graph.node(0).shape;
  Json nodes = Json::array();
  for (NodeId id = 1; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    Json inputs = Json::array();
    for (const NodeId from : node.inputs) inputs.push_back(graph.node(from).name);
    nodes.push_back({{"name", node.name},
                     {"type", std::string(node.layer->type())},
                     {"attributes", attributes_json(node.layer->attributes())},
                     {"inputs", std::move(inputs)}});
  }
  Json aliases = Json::object();
  for (const auto& [alias, id] : graph.aliases()) aliases[alias] = graph.node(id).name;
  return json_text({{"input", {{"channels", input.c}, {"height", input.h}, {"width", input.w}}},
                    {"nodes", std::move(nodes)},
                    {"aliases", std::move(aliases)}});
}

Graph graph_from_json(std::string_view text) {
  const Json json = parse_json(text);
  JsonObject object(json, "graph");
  JsonObject input(object.object("input"), "graph input");
  const std::int64_t channels = input.integer("channels", 1, kMostExtent);
  const std::int64_t height = input.integer("height", 1, kMostExtent);
  const std::int64_t width = input.integer("width", 1, kMostExtent);
  input.finish();
  const Json& nodes = object.array("nodes");
  if (nodes.size() > kMostNodes) {
    throw Error(ErrorKind::kInput, "number of nodes")
        .at("graph")
        .expected("at most " + std::to_string(kMostNodes))
        .got(std::to_string(nodes.size()));
  }
  Graph graph(Shape{1, channels, height, width});
  Names names{{"input", 0}};
  for (const Json& node : nodes) add_node(graph, names, node);
  for (const auto& [alias, node] : object.object("aliases").items()) {
    if (alias.size() > kMostName) throw Error(ErrorKind::kInput, "an alias of more than 256 bytes");
    graph.alias(alias, known(names, node));
  }
  object.finish();
  return graph;
}

}  // namespace cutaway::weights
