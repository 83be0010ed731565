#include "weights/import/onnx/onnx_idioms.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cutaway::weights::onnx {
namespace {

class Fuser {
 public:
  explicit Fuser(Model& model) : model_(model) {
    for (std::size_t i = 0; i < model.nodes.size(); ++i) {
      for (const std::string& output : model.nodes[i].outputs) writers_[output] = i;
      for (const std::string& input : model.nodes[i].inputs) readers_[input].push_back(i);
    }
    for (const Tensor& t : model.initializers) constants_[t.name] = &t;
    for (const Node& node : model.nodes) {
      const auto value = node.attributes.find("value");
      if (node.type == "Constant" && !node.outputs.empty() && value != node.attributes.end() &&
          value->second.tensor)
        constants_[node.outputs[0]] = value->second.tensor.get();
    }
    for (const ValueInfo& output : model.outputs) outputs_.insert(output.name);
  }

  void run() {
    for (std::size_t i = 0; i < model_.nodes.size(); ++i) {
      if (model_.nodes[i].type == "Div") fuse(i);
    }
    std::vector<Node> left;
    std::set<std::string> dropped, read;
    for (std::size_t i = 0; i < model_.nodes.size(); ++i) {
      Node& node = model_.nodes[i];
      const bool goes = gone_.contains(i);
      (goes ? dropped : read).insert(node.inputs.begin(), node.inputs.end());
      if (!goes) left.push_back(std::move(node));
    }
    // The numbers that only they read, an exponent and an epsilon, are no weights.
    const auto unread = [&](const std::string& name) {
      return dropped.contains(name) && !read.contains(name);
    };
    std::erase_if(left, [&](const Node& node) {
      return node.type == "Constant" && !node.outputs.empty() && unread(node.outputs[0]);
    });
    std::erase_if(model_.initializers, [&](const Tensor& t) { return unread(t.name); });
    model_.nodes = std::move(left);
  }

 private:
  /// The node that writes a value, if it is of that type with that many inputs.
  [[nodiscard]] std::optional<std::size_t> writer(const std::string& value,
                                                  const char* type,
                                                  std::size_t inputs) const {
    const auto found = writers_.find(value);
    if (found == writers_.end()) return std::nullopt;
    const Node& node = model_.nodes[found->second];
    if (node.type != type || node.inputs.size() != inputs || node.outputs.size() != 1)
      return std::nullopt;
    return found->second;
  }

  [[nodiscard]] std::optional<float> number(const std::string& name) const {
    const auto found = constants_.find(name);
    if (found == constants_.end() || count_of(found->second->extents) != 1 ||
        !is_floating(found->second->type))
      return std::nullopt;
    Tensor t = *found->second;
    if (!t.file) t.file = model_.file;
    float value = 0;
    read_floats(t, {&value, 1});
    return value;
  }

  [[nodiscard]] bool is_mean_of(std::size_t i, const std::string& x) const {
    const Node& node = model_.nodes[i];
    const auto axes = node.attributes.find("axes");
    const auto keeps = node.attributes.find("keepdims");
    return node.inputs[0] == x && axes != node.attributes.end() &&
           axes->second.integers == std::vector<std::int64_t>{-1} &&
           (keeps == node.attributes.end() || keeps->second.integer == 1);
  }

  [[nodiscard]] bool is_square_of(const std::string& value,
                                  const std::string& d,
                                  std::set<std::size_t>& parts) const {
    if (const auto power = writer(value, "Pow", 2)) {
      parts.insert(*power);
      return model_.nodes[*power].inputs[0] == d && number(model_.nodes[*power].inputs[1]) == 2.0F;
    }
    const auto product = writer(value, "Mul", 2);
    if (product) parts.insert(*product);
    return product && model_.nodes[*product].inputs == std::vector<std::string>{d, d};
  }

  /// The only reader of a value, if it is of that type beside a vector of weights.
  [[nodiscard]] std::optional<std::size_t> weighted(const std::string& value,
                                                    const char* type,
                                                    std::string& weights) const {
    const auto readers = readers_.find(value);
    if (readers == readers_.end() || readers->second.size() != 1 || outputs_.contains(value))
      return std::nullopt;
    const Node& node = model_.nodes[readers->second[0]];
    if (node.type != type || node.inputs.size() != 2 || node.outputs.size() != 1)
      return std::nullopt;
    weights = node.inputs[node.inputs[0] == value ? 1 : 0];
    const auto constant = constants_.find(weights);
    if (constant == constants_.end() || constant->second->extents.size() != 1) return std::nullopt;
    return readers->second[0];
  }

  /// True when nobody but `parts` reads what they write, except for `last`.
  [[nodiscard]] bool closed(const std::set<std::size_t>& parts, std::size_t last) const {
    return std::all_of(parts.begin(), parts.end(), [&](std::size_t i) {
      const std::string& value = model_.nodes[i].outputs[0];
      if (i == last) return true;
      if (outputs_.contains(value)) return false;
      const auto readers = readers_.find(value);
      return readers == readers_.end() ||
             std::all_of(readers->second.begin(), readers->second.end(),
                         [&](std::size_t r) { return parts.contains(r); });
    });
  }

  void fuse(std::size_t division) {
    const Node& div = model_.nodes[division];
    if (div.inputs.size() != 2 || div.outputs.size() != 1) return;
    const std::string& d = div.inputs[0];
    std::set<std::size_t> parts{division};
    const auto sub = writer(d, "Sub", 2);
    const auto root = writer(div.inputs[1], "Sqrt", 1);
    if (!sub || !root) return;
    const std::string x = model_.nodes[*sub].inputs[0];
    const auto mean = writer(model_.nodes[*sub].inputs[1], "ReduceMean", 1);
    const auto sum = writer(model_.nodes[*root].inputs[0], "Add", 2);
    if (!mean || !sum || !is_mean_of(*mean, x)) return;
    const std::size_t first = number(model_.nodes[*sum].inputs[0]) ? 1 : 0;
    const auto eps = number(model_.nodes[*sum].inputs[1 - first]);
    const auto variance = writer(model_.nodes[*sum].inputs[first], "ReduceMean", 1);
    if (!eps || !variance) return;
    const std::string square = model_.nodes[*variance].inputs[0];
    if (!is_mean_of(*variance, square) || !is_square_of(square, d, parts)) return;
    parts.insert({*sub, *root, *mean, *sum, *variance});
    std::string gamma, beta;
    const auto scale = weighted(div.outputs[0], "Mul", gamma);
    if (!scale) return;
    parts.insert(*scale);
    const auto shift = weighted(model_.nodes[*scale].outputs[0], "Add", beta);
    if (shift) parts.insert(*shift);
    const std::size_t last = shift.value_or(*scale);
    if (!closed(parts, last)) return;
    Node norm;
    norm.name = div.name;
    norm.type = "LayerNormalization";
    norm.inputs = {x, gamma};
    if (shift) norm.inputs.push_back(beta);
    norm.outputs = model_.nodes[last].outputs;
    norm.attributes["axis"].integer = -1;
    norm.attributes["epsilon"].number = *eps;
    parts.erase(last);
    gone_.insert(parts.begin(), parts.end());
    model_.nodes[last] = std::move(norm);
  }

  Model& model_;
  std::map<std::string, std::size_t> writers_;
  std::map<std::string, std::vector<std::size_t>> readers_;
  std::map<std::string, const Tensor*> constants_;
  std::set<std::string> outputs_;
  std::set<std::size_t> gone_;
};

}  // namespace

void fuse_layer_norms(Model& model) { Fuser(model).run(); }

}  // namespace cutaway::weights::onnx
