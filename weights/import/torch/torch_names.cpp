#include "weights/import/torch/torch_names.h"

#include <algorithm>
#include <array>
#include <map>

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

// What DataParallel, Lightning and checkpoints put before every name.
std::string common_prefix(const std::vector<SourceTensor>& tensors, const std::string& wrapper) {
  std::string prefix = wrapper;
  bool longer = !tensors.empty();
  while (longer) {
    longer = false;
    for (const char* part : {"module.", "model.", "state_dict.", "net."}) {
      const std::string candidate = prefix + part;
      if (std::all_of(tensors.begin(), tensors.end(), [&](const SourceTensor& t) {
            return t.name.starts_with(candidate) || !t.name.starts_with(wrapper);
          })) {
        prefix = candidate;
        longer = true;
      }
    }
  }
  return prefix;
}

Bindings bind(const std::string& prefix, const Graph& graph, const std::string& architecture) {
  const Names names = torch_module_names(graph, architecture);
  Bindings bindings;
  bindings.unused = {{"*.num_batches_tracked", "a counter of training steps"}};
  if (architecture.starts_with("googlenet")) {
    for (const char* head : {"aux1", "aux2"}) {
      bindings.unused.push_back({prefix + head, "an auxiliary classifier, for training only"});
    }
  }
  for (NodeId id = 0; id < graph.size(); ++id) {
    std::size_t parameter = 0;
    for (const ParameterSpec& spec : graph.parameters(id)) {
      Binding binding{id, parameter++, {}};
      for (const std::string& module : names[static_cast<std::size_t>(id)]) {
        binding.sources.push_back(prefix + module + "." + torch_parameter(spec.name));
        // Dumps that use this program's own words.
        if (torch_parameter(spec.name) != spec.name) {
          binding.sources.push_back(prefix + module + "." + spec.name);
        }
      }
      bindings.list.push_back(std::move(binding));
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
  source.bind = [prefix = common_prefix(source.tensors, wrapper), unused = std::move(unused)](
                    const Graph& graph, const std::string& architecture) {
    Bindings bindings = bind(prefix, graph, architecture);
    bindings.unused.insert(bindings.unused.end(), unused.begin(), unused.end());
    return bindings;
  };
}

}  // namespace cutaway::weights
