#include "weights/net_file.h"

#include <map>

#include "runtime/error.h"
#include "runtime/files/read_file.h"
#include "weights/graph_json.h"
#include "weights/json.h"
#include "weights/preprocess_json.h"

namespace cutaway::weights {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 24U;

/// "kernel": 3 as "kernel_h": 3, "kernel_w": 3.
void write_out(Json& attributes) {
  for (const char* name : {"kernel", "stride", "pad", "dilation"}) {
    const auto found = attributes.find(name);
    if (found == attributes.end()) continue;
    const Json value = *found;
    attributes.erase(found);
    for (const char* end : {"_h", "_w"}) {
      if (!attributes.contains(std::string(name) + end))
        attributes[std::string(name) + end] = value;
    }
  }
}

/// The node with all that graph_from_json wants of it.
Json whole_node(const Json& written,
                const std::string& before,
                std::int64_t classes,
                std::map<std::string, int>& numbers) {
  Json node = Json::object();
  Json attributes = Json::object();
  for (const auto& [key, value] : written.items()) {
    if (key == "name" || key == "type" || key == "inputs") {
      node[key] = value;
    } else if (key == "attributes") {
      if (!value.is_object()) throw Error(ErrorKind::kInput, "attributes").expected("an object");
      for (const auto& [name, of] : value.items()) attributes[name] = of;
    } else {
      attributes[key] = value;
    }
  }
  write_out(attributes);
  for (const char* name : {"features", "channels"})
    if (attributes.contains(name) && attributes[name] == "classes") attributes[name] = classes;
  if (!node.contains("type") || !node["type"].is_string())
    throw Error(ErrorKind::kInput, "a node without a type");
  const std::string type = node["type"];
  const int number = ++numbers[type];
  if (!node.contains("name")) node["name"] = type + std::to_string(number);
  if (!node.contains("inputs")) node["inputs"] = Json::array({before});
  node["attributes"] = std::move(attributes);
  return node;
}

Json whole_graph(const Json& written, std::int64_t classes) {
  if (!written.is_object() || !written.contains("nodes") || !written["nodes"].is_array()) {
    throw Error(ErrorKind::kInput, "no net")
        .expected(R"({"input": {...}, "nodes": [{"type": "conv", ...}, ...]})");
  }
  Json nodes = Json::array();
  std::map<std::string, int> numbers;
  std::string before = "input";
  for (const Json& node : written["nodes"]) {
    const std::string where = "graph node " + std::to_string(nodes.size() + 1);
    try {
      if (!node.is_object()) throw Error(ErrorKind::kInput, "a node that is no object");
      nodes.push_back(whole_node(node, before, classes, numbers));
    } catch (const Error& error) {
      throw error.located(where);
    }
    if (!nodes.back()["name"].is_string())
      throw Error(ErrorKind::kInput, "a name that is no text").at(where);
    before = nodes.back()["name"];
  }
  Json graph = Json::object();
  for (const auto& [key, value] : written.items())
    if (key != "nodes" && key != "preprocess") graph[key] = value;
  graph["nodes"] = std::move(nodes);
  if (!graph.contains("aliases")) graph["aliases"] = Json::object();
  return graph;
}

}  // namespace

NetFile net_from_text(std::string_view text, std::int64_t classes) {
  const Json written = parse_json(text);
  NetFile net{graph_from_json(json_text(whole_graph(written, classes))), std::nullopt};
  if (written.contains("preprocess"))
    net.preprocess = preprocess_from_file_text(json_text(written["preprocess"]));
  return net;
}

NetFile load_net_file(const std::string& path, std::int64_t classes) {
  const std::vector<std::uint8_t> bytes = files::read_file(path, kMostBytes);
  try {
    return net_from_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, classes);
  } catch (const Error& error) {
    throw Error(error.kind(), error.what()).at(path);
  }
}

}  // namespace cutaway::weights
