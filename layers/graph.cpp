#include "layers/graph.h"

#include <algorithm>
#include <numeric>

#include "layers/input.h"
#include "runtime/error.h"

namespace cutaway {

void expect_inputs(std::span<const Shape> in, std::size_t count) {
  if (in.size() != count) {
    throw Error(ErrorKind::kShape, "number of inputs")
        .expected(std::to_string(count))
        .got(std::to_string(in.size()));
  }
}

Graph::Graph(const Shape& input) {
  validate(input, "network input");
  nodes_.push_back({"input", std::make_shared<Input>(input), {}, {}, input});
  names_["input"] = 0;
}

NodeId Graph::add(const std::string& name, LayerPtr layer, std::vector<NodeId> inputs) {
  if (name.empty() || names_.contains(name) || aliases_.contains(name)) {
    throw Error(ErrorKind::kInput, name.empty() ? "a layer without a name" : "layer name is taken")
        .at(name);
  }
  check(layer != nullptr, "a node needs a layer");
  const NodeId id = size();
  for (const NodeId input : inputs) {
    if (input < 0 || input >= id) throw Error(ErrorKind::kInput, "unknown input node").at(name);
  }
  Node node{name, std::move(layer), std::move(inputs), {}, {}};
  std::vector<Shape> in;
  for (const NodeId input : node.inputs)
    in.push_back(nodes_[static_cast<std::size_t>(input)].shape);
  try {
    node.shape = node.layer->infer(in);
    validate(node.shape, "output");
  } catch (const Error& error) {
    throw error.located(name + " (" + std::string(node.layer->type()) + ")");
  }
  for (const NodeId input : node.inputs) {
    nodes_[static_cast<std::size_t>(input)].consumers.push_back(id);
  }
  nodes_.push_back(std::move(node));
  names_[name] = id;
  return id;
}

const Node& Graph::node(NodeId id) const {
  check(id >= 0 && id < size(), "node number out of range");
  return nodes_[static_cast<std::size_t>(id)];
}

void Graph::alias(const std::string& name, NodeId id) {
  check(id >= 0 && id < size(), "node number out of range");
  if (name.empty() || names_.contains(name) || aliases_.contains(name)) {
    throw Error(ErrorKind::kInput, "alias is empty or taken").at(name);
  }
  aliases_[name] = id;
}

NodeId Graph::find(std::string_view name) const {
  const std::string key(name);
  if (const auto found = names_.find(key); found != names_.end()) return found->second;
  if (const auto found = aliases_.find(key); found != aliases_.end()) return found->second;
  std::vector<std::string> all;
  for (const auto& [known, id] : names_) all.push_back(known);
  for (const auto& [known, id] : aliases_) all.push_back(known);
  std::string hint = "did you mean";
  for (const std::string& near : nearest_names(name, all)) hint += " '" + near + "'";
  throw Error(ErrorKind::kUsage, "unknown layer '" + key + "'").hint(hint);
}

std::vector<Shape> Graph::infer(const Shape& input) const {
  const Shape& own = nodes_[0].shape;
  if (input.c != own.c) {
    throw Error(ErrorKind::kShape, "input channels")
        .expected(std::to_string(own.c))
        .got(std::to_string(input.c));
  }
  std::vector<Shape> shapes{input};
  for (NodeId id = 1; id < size(); ++id) {
    const Node& n = node(id);
    const std::vector<Shape> in = input_shapes(id, shapes);
    try {
      shapes.push_back(n.layer->infer(in));
      validate(shapes.back(), "output");
      // Parameters were sized for the graph's own input; a fully connected layer fixes the image
      // size.
      const auto now = n.layer->parameters(in);
      const auto then = parameters(id);
      for (std::size_t i = 0; i < now.size(); ++i) {
        if (!(now[i].shape == then[i].shape)) {
          throw Error(ErrorKind::kShape, "image size does not suit " + now[i].name)
              .expected(to_string(then[i].shape))
              .got(to_string(now[i].shape))
              .hint("this network takes " + std::to_string(own.h) + "x" + std::to_string(own.w) +
                    " images");
        }
      }
    } catch (const Error& error) {
      throw error.located(n.name + " (" + std::string(n.layer->type()) + ")");
    }
  }
  return shapes;
}

std::vector<Shape> Graph::input_shapes(NodeId id, std::span<const Shape> shapes) const {
  std::vector<Shape> in;
  for (const NodeId input : node(id).inputs) in.push_back(shapes[static_cast<std::size_t>(input)]);
  return in;
}

std::vector<ParameterSpec> Graph::parameters(NodeId id) const {
  std::vector<Shape> in;
  for (const NodeId input : node(id).inputs) in.push_back(node(input).shape);
  return node(id).layer->parameters(in);
}

std::int64_t Graph::parameter_count() const {
  std::int64_t count = 0;
  for (NodeId id = 0; id < size(); ++id) {
    for (const ParameterSpec& p : parameters(id)) count += p.shape.count();
  }
  return count;
}

std::int64_t Graph::macs() const {
  std::int64_t total = 0;
  for (const Node& n : nodes_) {
    std::vector<Shape> in;
    for (const NodeId input : n.inputs) in.push_back(node(input).shape);
    total += n.layer->macs(in);
  }
  return total;
}

std::vector<std::string> nearest_names(std::string_view wanted,
                                       const std::vector<std::string>& names,
                                       std::size_t count) {
  const auto distance = [&](const std::string& name) {
    std::vector<std::size_t> row(name.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= wanted.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= name.size(); ++j) {
        const std::size_t change = diagonal + (wanted[i - 1] == name[j - 1] ? 0U : 1U);
        diagonal = row[j];
        row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
      }
    }
    return row[name.size()];
  };
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const std::string& name : names) {
    // Long unrelated names cost time and help nobody.
    if (name.size() <= 256) ranked.emplace_back(distance(name), name);
  }
  std::ranges::sort(ranked);
  std::vector<std::string> best;
  for (std::size_t i = 0; i < std::min(count, ranked.size()); ++i) best.push_back(ranked[i].second);
  return best;
}

}  // namespace cutaway
