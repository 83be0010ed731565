#include "weights/net_edit.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"
#include "weights/graph_json.h"
#include "weights/json.h"

namespace cutaway::weights {
namespace {

Json& node_of(Json& nodes, const std::string& name) {
  for (Json& node : nodes) {
    if (node["name"] == name) return node;
  }
  throw Error(ErrorKind::kUsage, "no such layer in the net").at(name);
}

void set(Json& attributes, const std::string& name, const NetEdit::Change& change) {
  Json& value = attributes[name];
  if (value.is_number_integer()) {
    const double wanted = change.times ? value.get<double>() * change.value : change.value;
    const auto whole = static_cast<std::int64_t>(std::llround(wanted));
    if (!change.times && static_cast<double>(whole) != wanted) {
      throw Error(ErrorKind::kUsage, "'" + name + "' of " + change.node)
          .expected("a whole number")
          .got(std::to_string(wanted));
    }
    value = change.times ? std::max<std::int64_t>(1, whole) : whole;
  } else if (value.is_number()) {
    value = change.times ? value.get<double>() * change.value : change.value;
  } else {
    throw Error(ErrorKind::kUsage, "'" + name + "' of " + change.node + " is no number");
  }
}

void apply(Json& nodes, const NetEdit::Change& change) {
  Json& attributes = node_of(nodes, change.node)["attributes"];
  bool found = false;
  std::vector<std::string> names{change.attribute, change.attribute + "_h",
                                 change.attribute + "_w"};
  if (change.attribute == "width") names = {"channels", "features"};
  for (const std::string& name : names) {
    if (!attributes.contains(name)) continue;
    set(attributes, name, change);
    found = true;
  }
  if (found) return;
  std::string known;
  for (const auto& [name, value] : attributes.items()) known += (known.empty() ? "" : ", ") + name;
  throw Error(ErrorKind::kUsage, "no attribute '" + change.attribute + "' of " + change.node)
      .expected(known.empty() ? "none: it has no attributes" : known)
      .got(change.attribute);
}

void remove_node(Json& graph, const std::string& name) {
  Json& nodes = graph["nodes"];
  const Json node = node_of(nodes, name);
  if (node["inputs"].size() != 1) {
    throw Error(ErrorKind::kUsage, "a layer of several inputs cannot be left out").at(name);
  }
  const Json input = node["inputs"][0];
  nodes.erase(std::find(nodes.begin(), nodes.end(), node));
  if (nodes.empty()) throw Error(ErrorKind::kUsage, "nothing of the net is left").at(name);
  for (Json& reader : nodes) {
    for (Json& from : reader["inputs"]) {
      if (from == name) from = input;
    }
  }
  // Other names of what is gone are gone, too.
  for (auto alias = graph["aliases"].begin(); alias != graph["aliases"].end();) {
    alias = alias.value() == name ? graph["aliases"].erase(alias) : std::next(alias);
  }
}

}  // namespace

Graph edited(const Graph& graph, const NetEdit& edit) {
  Json json = parse_json(to_json(graph));
  for (const NetEdit::Change& change : edit.changes) apply(json["nodes"], change);
  for (const std::string& name : edit.remove) remove_node(json, name);
  return graph_from_json(json_text(json));
}

}  // namespace cutaway::weights
