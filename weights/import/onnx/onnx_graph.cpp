#include "weights/import/onnx/onnx_graph.h"

#include <algorithm>
#include <set>

#include "layers/batch_norm.h"
#include "weights/import/onnx/onnx_builder.h"

namespace cutaway::weights::onnx {
namespace {

// Older ones broadcast and normalise by other rules; newer ones may change what is not known yet.
constexpr std::int64_t kOldestOpset = 7, kNewestOpset = 27;

std::string where(const Node& node) {
  return "node '" +
         (node.name.empty() ? (node.outputs.empty() ? "" : node.outputs[0]) : node.name) + "', " +
         (node.domain.empty() || node.domain == "ai.onnx" ? "" : node.domain + ".") + node.type;
}

// "/layer1/layer1.0/conv1/Conv" -> "layer1/layer1.0/conv1/Conv": paths in a package have no empty
// parts.
std::string path_like(const std::string& wanted) {
  std::string name;
  std::size_t at = 0;
  while (at < wanted.size()) {
    const std::size_t end = std::min(wanted.find('/', at), wanted.size());
    const std::string part = wanted.substr(at, end - at);
    if (!part.empty() && part != "." && part != "..") name += (name.empty() ? "" : "/") + part;
    at = end + 1;
  }
  name.resize(std::min<std::size_t>(name.size(), 200));
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 32) c = '_';
  }
  return name.empty() ? "node" : name;
}

[[noreturn]] void throw_lines(ErrorKind kind,
                              const std::string& file,
                              const char* what,
                              const std::vector<std::string>& lines) {
  std::string all = std::to_string(lines.size()) + " " + what;
  for (std::size_t i = 0; i < std::min<std::size_t>(lines.size(), 60); ++i)
    all += "\n  " + lines[i];
  if (lines.size() > 60) all += "\n  ...";
  throw Error(kind, all).at(file);
}

/// True when `word` stands in `words`, a space behind each.
bool has_word(const std::string& words, const std::string& word) {
  return (" " + words).find(" " + word + " ") != std::string::npos;
}

}  // namespace

std::int64_t integer_of(const Node& node, const char* name, std::int64_t otherwise) {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? otherwise : found->second.integer;
}
double number_of(const Node& node, const char* name, double otherwise) {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? otherwise : double{found->second.number};
}
std::string text_of(const Node& node, const char* name, const std::string& otherwise) {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? otherwise : found->second.text;
}
std::vector<std::int64_t> integers_of(const Node& node,
                                      const char* name,
                                      std::vector<std::int64_t> otherwise) {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? std::move(otherwise) : found->second.integers;
}

Builder::Builder(const Model& model, std::string file) : model_(model), file_(std::move(file)) {
  if (model.opset < kOldestOpset || model.opset > kNewestOpset) {
    throw Error(ErrorKind::kUnsupported, "ONNX operator set")
        .at(file_)
        .expected(std::to_string(kOldestOpset) + " to " + std::to_string(kNewestOpset))
        .got(std::to_string(model.opset));
  }
}

const Computed& Builder::pending(const Node& node, std::size_t i) const {
  if (i >= node.inputs.size() || node.inputs[i].empty())
    throw Unsupported{"without input " + std::to_string(i)};
  const auto found = values_.find(node.inputs[i]);
  if (found != values_.end()) return found->second;
  if (constants_.contains(node.inputs[i]))
    throw Unsupported{"of the constant '" + node.inputs[i] + "'"};
  if (known_.contains(node.inputs[i]))
    throw Unsupported{"of '" + node.inputs[i] + "', integers that are computed from extents"};
  throw Error(ErrorKind::kInput, "reads '" + node.inputs[i] + "', which no earlier node writes");
}

Computed Builder::computed(const Node& node, std::size_t i) {
  const Computed x = pending(node, i);
  if (x.plain()) return x;
  // Whoever reads it next finds it done.
  return values_[node.inputs[i]] = carried_out(x, node.inputs[i]);
}

bool Builder::is_constant(const Node& node, std::size_t i) const {
  return i < node.inputs.size() && constants_.contains(node.inputs[i]);
}

const Tensor* Builder::constant(const Node& node, std::size_t i) const {
  if (i >= node.inputs.size() || node.inputs[i].empty()) return nullptr;
  const auto found = constants_.find(node.inputs[i]);
  if (found == constants_.end()) throw Unsupported{"with computed input '" + node.inputs[i] + "'"};
  return found->second;
}

void Builder::bind_values(NodeId id, std::size_t index, std::vector<float> values) {
  Binding binding{id, index, {}};
  binding.values = std::move(values);
  bindings_.list.push_back(std::move(binding));
}

NodeId Builder::add_affine(const Node& node,
                           NodeId from,
                           const Affine& affine,
                           const std::string& suffix) {
  // Batch normalisation with mean 0 and variance + eps = 1, exact in float32, is a scale and a
  // shift.
  constexpr float kEps = 1.0F / 1024.0F;
  const NodeId id = add(node, std::make_shared<BatchNorm>(double{kEps}), {from}, suffix);
  bind_values(id, 0, affine.gamma);
  bind_values(id, 1, affine.beta);
  bind_values(id, 2, {0.0F});
  bind_values(id, 3, {1.0F - kEps});
  return id;
}

std::string Builder::unique_name(const std::string& wanted) {
  const std::string base = path_like(wanted);
  std::string name = base;
  for (int i = 2; !names_.insert(name).second; ++i) name = base + "_" + std::to_string(i);
  return name;
}

NodeId Builder::add(const Node& node,
                    LayerPtr layer,
                    std::vector<NodeId> inputs,
                    const std::string& suffix) {
  const std::string wanted = node.name.empty() ? node.outputs.at(0) : node.name;
  const NodeId id = graph_->add(unique_name(wanted + suffix), std::move(layer), std::move(inputs));
  // Concatenating a value with itself again and again must not overflow.
  const Shape& shape = graph_->node(id).shape;
  (void)count_of({shape.c, shape.h, shape.w});
  return id;
}

void Builder::bind(NodeId id,
                   std::size_t index,
                   const Tensor& t,
                   const Transform& transform,
                   std::vector<Extents> also) {
  Binding binding{id, index, {t.name}};
  binding.transform = transform;
  binding.also = std::move(also);
  binding.may_share = true;
  bindings_.list.push_back(std::move(binding));
}

void Builder::define(const Node& node, Computed value, std::size_t i) {
  const std::string& output = node.outputs.at(i);
  if (values_.contains(output) || constants_.contains(output)) {
    throw Error(ErrorKind::kInput, "writes '" + output + "', which another node writes too");
  }
  values_[output] = value;
  const std::string alias = path_like(output);
  if (value.node != 0 && value.plain() && names_.insert(alias).second)
    graph_->alias(alias, value.node);
}

bool Builder::is_read(const Node& node, std::size_t i) const {
  if (i >= node.outputs.size() || node.outputs[i].empty()) return false;
  return readers_.contains(node.outputs[i]) || node.outputs[i] == model_.outputs[0].name;
}

const Tensor* Builder::absorb_bias(const Node& node,
                                   std::int64_t channels,
                                   std::size_t rank,
                                   std::size_t axis) {
  const auto found = readers_.find(node.outputs.at(0));
  if (found == readers_.end() || found->second.size() != 1) return nullptr;
  for (const ValueInfo& output : model_.outputs) {
    if (output.name == node.outputs[0]) return nullptr;
  }
  const Node& reader = *found->second[0];
  if (reader.type != "Add" || reader.inputs.size() != 2 || !find_operator(reader.type))
    return nullptr;
  const std::size_t other = reader.inputs[0] == node.outputs[0] ? 1 : 0;
  const auto constant = constants_.find(reader.inputs[other]);
  if (constant == constants_.end() || count_of(constant->second->extents) != channels ||
      !broadcasts_along(constant->second->extents, channels, rank, axis))
    return nullptr;
  absorbed_[&reader] = {};
  return constant->second;
}

void Builder::find_needed() {
  std::map<std::string, const Node*> writers;
  for (const Node& node : model_.nodes) {
    for (const std::string& output : node.outputs) {
      if (output.empty() || writers.emplace(output, &node).second) continue;
      throw Error(ErrorKind::kInput, "two nodes write '" + output + "'").at(file_);
    }
  }
  if (model_.outputs.empty()) {
    throw Error(ErrorKind::kUnsupported, "ONNX: a model without outputs").at(file_);
  }
  std::vector<std::string> wanted{model_.outputs[0].name};
  while (!wanted.empty()) {
    const auto writer = writers.find(wanted.back());
    wanted.pop_back();
    if (writer == writers.end() || !needed_.insert(writer->second).second) continue;
    for (const std::string& input : writer->second->inputs) wanted.push_back(input);
  }
  for (const Node* node : needed_) {
    for (const std::string& input : node->inputs) readers_[input].push_back(node);
  }
}

void Builder::find_input() {
  std::vector<const ValueInfo*> inputs;
  for (const ValueInfo& input : model_.inputs) {
    if (!constants_.contains(input.name)) inputs.push_back(&input);
  }
  if (inputs.size() != 1) {
    throw Error(ErrorKind::kUnsupported, "ONNX: number of inputs")
        .at(file_)
        .expected("1, the pictures")
        .got(std::to_string(inputs.size()));
  }
  const ValueInfo& input = *inputs[0];
  const Extents& e = input.extents;
  const bool fits =
      is_floating(input.type) && e.size() == 4 &&
      std::all_of(e.begin() + 1, e.end(), [](std::int64_t v) { return v >= 1 && v <= 65536; });
  if (!fits) {
    throw Error(ErrorKind::kUnsupported, "ONNX: the input '" + input.name + "'")
        .at(file_)
        .expected("floating-point numbers of N x C x H x W, with C, H and W given")
        .got(std::string(to_string(input.type)) + " of " + cutaway::weights::text_of(e));
  }
  batch_ = std::max<std::int64_t>(1, e[0]);
  batch_given_ = e[0] >= 1;
  graph_.emplace(Shape{1, e[1], e[2], e[3]});
  names_.insert(graph_->node(0).name);
  values_[input.name] = {0, 4};
}

bool Builder::lost(const Node& node) const {
  return std::any_of(node.inputs.begin(), node.inputs.end(),
                     [&](const std::string& i) { return lost_.contains(i); });
}

void Builder::convert(const Node& node) {
  const bool constant = node.type == "Constant" || node.type == "Identity" || node.type == "Cast";
  if (constant && !node.outputs.empty() && constants_.contains(node.outputs[0])) return;
  if (const auto done = absorbed_.find(&node); done != absorbed_.end()) {
    const std::size_t at = is_constant(node, 0) ? 1 : 0;
    define(node, pending(node, at));
    return;
  }
  try {
    const bool standard = node.domain.empty() || node.domain == "ai.onnx";
    const Operator* op = standard ? find_operator(node.type) : nullptr;
    if (lost(node)) {
      const bool is_known =
          op != nullptr || (standard && (folds(node.type) || node.type == "Shape"));
      throw Unsupported{is_known ? "" : "no counterpart"};
    }
    if (fold_known(node)) return;
    if (op == nullptr) throw Unsupported{"no counterpart"};
    if (node.outputs.empty() || node.outputs[0].empty()) throw Unsupported{"without an output"};
    for (const auto& [name, attribute] : node.attributes) {
      if (!has_word(op->attributes, name))
        throw Unsupported{"with the attribute '" + name.substr(0, 64) +
                          "', which is not understood"};
    }
    for (std::size_t i = 1; i < node.outputs.size(); ++i) {
      if (!op->several && is_read(node, i))
        throw Unsupported{"whose output " + std::to_string(i) + " is read"};
    }
    op->convert(*this, node);
  } catch (const Unsupported& u) {
    if (!u.reason.empty()) unsupported_.push_back(where(node) + ": " + u.reason);
    for (const std::string& output : node.outputs) lost_.insert(output);
  } catch (const Error& e) {
    broken_.push_back(where(node) + ": " + e.what());
    for (const std::string& output : node.outputs) lost_.insert(output);
  }
}

Converted Builder::run() {
  find_needed();
  collect_constants();
  find_input();
  for (const Node& node : model_.nodes) {
    if (needed_.contains(&node)) convert(node);
  }
  if (!unsupported_.empty()) {
    throw_lines(ErrorKind::kUnsupported, file_,
                "operator(s) that cannot be imported:", unsupported_);
  }
  if (!broken_.empty())
    throw_lines(ErrorKind::kInput, file_, "node(s) that do not fit together:", broken_);
  const auto output = values_.find(model_.outputs[0].name);
  try {
    if (output != values_.end() && !output->second.plain())
      output->second = carried_out(output->second, output->first);
  } catch (const Unsupported& u) {
    throw Error(ErrorKind::kUnsupported, "the output '" + output->first + "': " + u.reason)
        .at(file_);
  }
  if (output == values_.end() || output->second.node != graph_->last()) {
    throw Error(ErrorKind::kInput,
                "the output '" + model_.outputs[0].name + "' is not the last node's")
        .at(file_);
  }
  Converted result{std::move(*graph_), std::move(bindings_), {}};
  std::set<std::string> bound;
  for (const Binding& b : result.bindings.list) bound.insert(b.sources.begin(), b.sources.end());
  for (const auto& [name, tensor] : constants_) {
    if (name != tensor->name) continue;
    if (bound.contains(name) || !structural_.contains(name)) result.tensors.push_back(*tensor);
  }
  return result;
}

void choose_output(Model& model, const std::string& name, const std::string& file) {
  if (name.empty() && model.outputs.size() <= 1) return;
  std::string names;
  for (const ValueInfo& output : model.outputs) {
    if (names.size() < 1024) names += (names.empty() ? "" : ", ") + output.name.substr(0, 64);
  }
  const auto found = std::find_if(model.outputs.begin(), model.outputs.end(),
                                  [&](const ValueInfo& v) { return v.name == name; });
  if (name.empty()) {
    throw Error(ErrorKind::kUnsupported, "a model with several outputs: " + names)
        .at(file)
        .hint("choose one with --output NAME, or export the model without auxiliary heads");
  }
  if (found == model.outputs.end()) {
    throw Error(ErrorKind::kUsage, "the model has no output '" + name.substr(0, 64) + "'")
        .at(file)
        .expected("one of " + names);
  }
  model.outputs = {*found};
  std::set<std::string> wanted{name}, read;
  // Nodes come after those they read.
  for (auto node = model.nodes.rbegin(); node != model.nodes.rend(); ++node) {
    const bool needed = std::any_of(node->outputs.begin(), node->outputs.end(),
                                    [&](const std::string& o) { return wanted.contains(o); });
    (needed ? wanted : read).insert(node->inputs.begin(), node->inputs.end());
  }
  std::erase_if(model.initializers,
                [&](const Tensor& t) { return read.contains(t.name) && !wanted.contains(t.name); });
}

Converted convert_graph(const Model& model, const std::string& file) {
  return Builder(model, file).run();
}

}  // namespace cutaway::weights::onnx
