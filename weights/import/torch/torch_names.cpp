#include "weights/import/torch/torch_names.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

namespace cutaway::weights {
namespace {

using Names = std::vector<std::vector<std::string>>;

void add_own_names(const Graph& graph, Names& names) {
  const auto add = [&](NodeId id, std::string name) {
    std::replace(name.begin(), name.end(), '/', '.');
    names[static_cast<std::size_t>(id)].push_back(std::move(name));
  };
  for (NodeId id = 0; id < graph.size(); ++id) add(id, graph.node(id).name);
  for (const auto& [alias, id] : graph.aliases()) add(id, alias);
}

bool is_chain(const Graph& graph) {
  for (NodeId id = 1; id < graph.size(); ++id) {
    if (graph.node(id).inputs.size() != 1 || graph.node(id).inputs[0] != id - 1) return false;
  }
  return true;
}

// nn.Sequential numbers its modules; functional reshapes and the softmax are none.
void add_sequential_names(const Graph& graph, Names& names) {
  if (!is_chain(graph)) return;
  bool flat = false;
  int number = 0;
  for (NodeId id = 1; id < graph.size(); ++id) {
    const LayerKind kind = graph.node(id).layer->kind();
    if (kind == LayerKind::kFlatten) {
      flat = true;
      number = 0;
    }
    if (kind == LayerKind::kFlatten || kind == LayerKind::kSoftmax || kind == LayerKind::kPad ||
        kind == LayerKind::kAveragePool) {
      continue;
    }
    names[static_cast<std::size_t>(id)].push_back((flat ? "classifier." : "features.") +
                                                  std::to_string(number++));
  }
}

// torchvision/models/squeezenet.py: positions of fire2 ... fire9 in `features`.
constexpr std::array kFires10{3, 4, 5, 7, 8, 9, 10, 12};
constexpr std::array kFires11{3, 4, 6, 7, 9, 10, 11, 12};

void add_squeezenet_names(const std::array<int, 8>& fires, const Graph& graph, Names& names) {
  std::map<std::string, std::string> table{
      {"conv1", "features.0"}, {"conv10", "classifier.1"}, {"conv_final", "classifier.1"}};
  for (std::size_t i = 0; i < fires.size(); ++i) {
    const std::string fire = "fire" + std::to_string(i + 2) + "/";
    const std::string module = "features." + std::to_string(fires[i]) + ".";
    table[fire + "squeeze1x1"] = table[fire + "conv1x1_1"] = module + "squeeze";
    table[fire + "expand1x1"] = table[fire + "conv1x1_2"] = module + "expand1x1";
    table[fire + "expand3x3"] = table[fire + "conv3x3_2"] = module + "expand3x3";
  }
  for (NodeId id = 0; id < graph.size(); ++id) {
    const auto found = table.find(graph.node(id).name);
    if (found != table.end()) names[static_cast<std::size_t>(id)].push_back(found->second);
  }
}

std::string torch_parameter(const std::string& ours) {
  if (ours == "gamma") return "weight";
  if (ours == "beta") return "bias";
  if (ours == "mean") return "running_mean";
  if (ours == "variance") return "running_var";
  return ours;
}

/// A name without the modules that only wrap others, wherever they stand: DataParallel ("module"),
/// torch.compile, FairScale, FSDP.
std::string without_wrappers(const std::string& name) {
  std::string plain;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('.', at), name.size());
    const std::string part = name.substr(at, end - at);
    at = end + 1;
    const bool wraps = part == "module" || part == "_orig_mod" || part == "_forward_module" ||
                       part == "_fsdp_wrapped_module" || part == "_fpw_module";
    if (!wraps) plain += (plain.empty() ? "" : ".") + part;
  }
  return plain;
}

/// The file's names below `wrapper`, by their names without wrappers.
class NameIndex {
 public:
  NameIndex(const std::vector<SourceTensor>& tensors, const std::string& wrapper) {
    for (const SourceTensor& t : tensors) {
      if (t.name.starts_with(wrapper)) names_.emplace(without_wrappers(t.name), t.name);
    }
    // A name that is there as it is stays that one's.
    for (const SourceTensor& t : tensors) {
      if (names_.contains(t.name)) names_[t.name] = t.name;
    }
  }

  /// What stands before the names of the net's parameters ("state_dict.model.", "backbone."): that
  /// under which most of `parameters` (all names of each) are found; the shortest of several.
  /// Nothing when none is found.
  [[nodiscard]] std::optional<std::string> prefix_of(
      const std::vector<std::vector<std::string>>& parameters) const {
    std::map<std::string, std::size_t> wanted;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      for (const std::string& name : parameters[i]) wanted.emplace(name, i);
    }
    std::map<std::string, std::set<std::size_t>> found;
    for (const auto& [plain, name] : names_) {
      for (std::size_t at = 0; at != std::string::npos && at < plain.size();) {
        const auto parameter = wanted.find(plain.substr(at));
        if (parameter != wanted.end()) found[plain.substr(0, at)].insert(parameter->second);
        const std::size_t dot = plain.find('.', at);
        at = dot == std::string::npos ? dot : dot + 1;
      }
    }
    std::optional<std::string> best;
    for (const auto& [prefix, hits] : found) {
      const std::size_t most = best ? found.at(*best).size() : 0;
      if (hits.size() > most || (hits.size() == most && best && prefix.size() < best->size()))
        best = prefix;
    }
    return best;
  }

  /// The file's own name for that plain one; the plain one where the file has none.
  [[nodiscard]] std::string own(const std::string& plain) const {
    const auto found = names_.find(plain);
    return found == names_.end() ? plain : found->second;
  }

  /// The file's own names of everything below a plain name.
  [[nodiscard]] std::vector<std::string> below(const std::string& plain) const {
    std::vector<std::string> all;
    for (const auto& [name, own] : names_) {
      if (matches_pattern(plain, name)) all.push_back(own);
    }
    return all;
  }

 private:
  std::map<std::string, std::string> names_;
};

/// All names that a parameter may have, best first.
std::vector<std::string> names_of(const std::vector<std::string>& modules,
                                  const std::string& ours) {
  std::vector<std::string> names;
  for (const std::string& module : modules) {
    names.push_back(module + "." + torch_parameter(ours));
    // Dumps that use this program's own words.
    if (torch_parameter(ours) != ours) names.push_back(module + "." + ours);
  }
  return names;
}

Bindings bind(const NameIndex& index,
              const std::string& wrapper,
              const Graph& graph,
              const std::string& architecture) {
  const Names modules = torch_module_names(graph, architecture);
  Bindings bindings;
  std::vector<std::vector<std::string>> wanted;
  for (NodeId id = 0; id < graph.size(); ++id) {
    std::size_t parameter = 0;
    for (const ParameterSpec& spec : graph.parameters(id)) {
      bindings.list.push_back({id, parameter++, {}});
      wanted.push_back(names_of(modules[static_cast<std::size_t>(id)], spec.name));
    }
  }
  const std::string prefix = index.prefix_of(wanted).value_or(without_wrappers(wrapper));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    for (const std::string& name : wanted[i])
      bindings.list[i].sources.push_back(index.own(prefix + name));
  }
  bindings.unused = {{"*.num_batches_tracked", "a counter of training steps"}};
  if (architecture.starts_with("googlenet")) {
    for (const char* head : {"aux1", "aux2"}) {
      for (const std::string& name : index.below(prefix + head))
        bindings.unused.push_back({name, "an auxiliary classifier, for training only"});
    }
  }
  return bindings;
}

}  // namespace

std::vector<std::vector<std::string>> torch_module_names(const Graph& graph,
                                                         const std::string& architecture) {
  Names names(static_cast<std::size_t>(graph.size()));
  add_own_names(graph, names);
  if (architecture.starts_with("squeezenet1.0")) add_squeezenet_names(kFires10, graph, names);
  if (architecture.starts_with("squeezenet1.1")) add_squeezenet_names(kFires11, graph, names);
  add_sequential_names(graph, names);
  return names;
}

void bind_torch_names(Source& source, const std::string& wrapper, std::vector<Exemption> unused) {
  source.rgb = true;
  source.bind = [index = NameIndex(source.tensors, wrapper), wrapper, unused = std::move(unused)](
                    const Graph& graph, const std::string& architecture) {
    Bindings bindings = bind(index, wrapper, graph, architecture);
    bindings.unused.insert(bindings.unused.end(), unused.begin(), unused.end());
    return bindings;
  };
}

}  // namespace cutaway::weights
