#include <algorithm>

#include "weights/import/onnx/onnx_builder.h"

// What is known while importing: stored tensors, integers computed from extents, views of either.
namespace cutaway::weights::onnx {

bool broadcasts_along(const Extents& e, std::int64_t extent, std::size_t rank, std::size_t axis) {
  if (e.size() > rank) return false;
  for (std::size_t i = 0; i < e.size(); ++i) {
    const bool along = rank - e.size() + i == axis && rank > 1;
    if (e[i] != 1 && !(along && e[i] == extent)) return false;
  }
  return true;
}

std::optional<std::vector<std::int64_t>> Builder::integers(const Node& node, std::size_t i) {
  if (i >= node.inputs.size() || node.inputs[i].empty()) return std::nullopt;
  if (const Integers* found = known(node.inputs[i])) return found->values;
  (void)constant(node, i);  // says what is wrong with it
  throw Unsupported{"with '" + node.inputs[i] + "', which is no short list of integers"};
}

std::vector<std::int64_t> Builder::integers_or(const Node& node,
                                               std::size_t i,
                                               const char* name,
                                               std::vector<std::int64_t> otherwise) {
  const auto list = integers(node, i);
  return list ? *list : integers_of(node, name, std::move(otherwise));
}

const Integers* Builder::known(const std::string& name) {
  const auto found = known_.find(name);
  if (found != known_.end()) return &found->second;
  const auto constant = constants_.find(name);
  if (constant == constants_.end()) return nullptr;
  const Tensor& t = *constant->second;
  if ((t.type != ElementType::kI64 && t.type != ElementType::kI32) ||
      count_of(t.extents) > kMostKnown)
    return nullptr;
  structural_.insert(t.name);
  return &known_.emplace(name, Integers{t.extents, read_integers(t)}).first->second;
}

std::size_t Builder::axes_of_known(const Node& node, std::size_t i) {
  const Integers* found = i < node.inputs.size() ? known(node.inputs[i]) : nullptr;
  return found == nullptr ? 0 : found->extents.size();
}

std::vector<float> Builder::numbers(const Tensor& t) {
  const std::int64_t count = count_of(t.extents);
  if (count < 1 || count > kMostKnown || !is_floating(t.type)) {
    throw Unsupported{"with a constant of " + cutaway::weights::text_of(t.extents)};
  }
  structural_.insert(t.name);
  std::vector<float> values(static_cast<std::size_t>(count));
  read_floats(t, values);
  return values;
}

double Builder::number(const Tensor& t) {
  structural_.insert(t.name);
  if (count_of(t.extents) != 1) throw Unsupported{"with a tensor where a number is expected"};
  float value = 0;
  read_floats(t, {&value, 1});
  return double{value};
}

void Builder::collect_constants() {
  for (const Tensor& t : model_.initializers) {
    if (!constants_.emplace(t.name, &t).second) {
      throw Error(ErrorKind::kInput, "two tensors are called '" + t.name + "'").at(file_);
    }
  }
  for (const Node& node : model_.nodes) {
    // PyTorch writes equal tensors once, and copies of them so.
    const bool one = node.inputs.size() >= 1 && node.outputs.size() == 1;
    const auto from = one ? constants_.find(node.inputs[0]) : constants_.end();
    if (from != constants_.end() && node.type == "Identity") {
      constants_.emplace(node.outputs[0], from->second);
    } else if (from != constants_.end() && node.type == "Cast" && is_floating(from->second->type) &&
               is_floating(element_type(integer_of(node, "to", 0)))) {
      constants_.emplace(node.outputs[0], from->second);  // half precision, widened
    } else if (node.type == "Constant" && node.outputs.size() == 1) {
      add_constant_node(node);
    }
  }
}

void Builder::add_constant_node(const Node& node) {
  Tensor t;
  const auto has = [&](const char* name) { return node.attributes.contains(name); };
  const auto tensor = node.attributes.find("value");
  if (tensor != node.attributes.end() && tensor->second.tensor) {
    t = *tensor->second.tensor;
  } else if (has("value_ints") || has("value_int")) {
    t.integers = has("value_ints") ? integers_of(node, "value_ints", {})
                                   : std::vector{integer_of(node, "value_int", 0)};
    if (has("value_ints")) t.extents = {static_cast<std::int64_t>(t.integers.size())};
    t.type = ElementType::kI64;
  } else if (has("value_floats") || has("value_float")) {
    t.numbers = has("value_floats")
                    ? node.attributes.at("value_floats").numbers
                    : std::vector{static_cast<float>(number_of(node, "value_float", 0))};
    if (has("value_floats")) t.extents = {static_cast<std::int64_t>(t.numbers.size())};
    t.type = ElementType::kF32;
  } else {
    return;  // reported where it is read
  }
  if (!t.file) t.file = model_.file;
  t.name = node.outputs[0];
  made_.push_back(std::move(t));
  if (!constants_.emplace(made_.back().name, &made_.back()).second) {
    throw Error(ErrorKind::kInput, "two tensors are called '" + made_.back().name + "'").at(file_);
  }
}

void Builder::view(const std::string& name, const Tensor& t, Extents extents) {
  charge(t.integers.size() + t.numbers.size());
  structural_.insert(t.name);
  structural_.insert(name);  // a weight only if something takes it
  made_.push_back(t);
  made_.back().name = name;
  made_.back().extents = std::move(extents);
  constants_.emplace(name, &made_.back());
}

void Builder::charge(std::size_t numbers) {
  constexpr std::size_t kMostNumbers = std::size_t{1} << 22;  // 32 MiB; shapes are a few each
  known_numbers_ += numbers;
  if (known_numbers_ > kMostNumbers) throw Unsupported{"of too many integers to compute with"};
}

bool Builder::fold_known(const Node& node) {
  if (node.outputs.size() != 1 || (!node.domain.empty() && node.domain != "ai.onnx")) return false;
  const std::string& output = node.outputs[0];
  if (node.type == "Shape" && node.inputs.size() == 1) {
    known_[output] = shape_known(node);
    return true;
  }
  if (!folds(node.type)) return false;
  std::vector<const Integers*> inputs;
  for (const std::string& name : node.inputs) {
    inputs.push_back(name.empty() ? nullptr : known(name));
    if (!name.empty() && inputs.back() == nullptr) return view_known(node);
  }
  if (inputs.empty()) return false;
  Integers made = fold(node, inputs);
  charge(made.values.size());
  known_[output] = std::move(made);
  return true;
}

Integers Builder::shape_known(const Node& node) {
  Integers all{{}, {}};
  if (const auto constant = constants_.find(node.inputs[0]); constant != constants_.end()) {
    all.values = constant->second->extents;
  } else {
    const Computed& x = pending(node, 0);
    if (x.rank > 1) all.values.push_back(batch_given_ ? batch_ : kBatch);
    const Extents e = extents_of(x);
    all.values.insert(all.values.end(), e.begin(), e.end());
  }
  const auto rank = static_cast<std::int64_t>(all.values.size());
  const auto place = [&](const char* name, std::int64_t otherwise) {
    const std::int64_t at = integer_of(node, name, otherwise);
    return std::clamp<std::int64_t>(at < 0 ? std::max(at, -rank) + rank : at, 0, rank);
  };
  const std::int64_t first = place("start", 0), last = std::max(place("end", rank), first);
  all.values = {all.values.begin() + first, all.values.begin() + last};
  all.extents = {last - first};
  return all;
}

bool Builder::view_known(const Node& node) {
  const auto constant = constants_.find(node.inputs[0]);
  if (constant == constants_.end()) return false;
  const bool views = node.type == "Reshape" || node.type == "Squeeze" || node.type == "Unsqueeze";
  if (!views || !is_floating(constant->second->type)) return false;
  // Its numbers stay where they are; only the extents are reckoned with.
  Integers like{constant->second->extents, {}};
  const std::int64_t count = count_of(like.extents);
  if (count > kMostKnown) return false;
  like.values.resize(static_cast<std::size_t>(count));
  std::vector<const Integers*> inputs{&like};
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    inputs.push_back(node.inputs[i].empty() ? nullptr : known(node.inputs[i]));
    if (!node.inputs[i].empty() && inputs.back() == nullptr) return false;
  }
  view(node.outputs[0], *constant->second, fold(node, inputs).extents);
  return true;
}

}  // namespace cutaway::weights::onnx
