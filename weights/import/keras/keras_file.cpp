#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "layers/conv.h"
#include "runtime/error.h"
#include "weights/hdf5_vet.h"
#include "weights/import/hdf5/hdf5_source.h"
#include "weights/import/keras/keras_config.h"
#include "weights/import/keras/keras_names.h"
#include "weights/import/readers.h"
#include "weights/import/zip_directory.h"

namespace cutaway::weights {
namespace {

constexpr std::size_t kMostConfig = std::size_t{64} << 20;

/// Which of Keras' layouts an HDF5 file has.
enum class Layout : std::uint8_t {
  kNamed,       ///< Keras 1, 2 and legacy: groups named as the layers
  kContainers,  ///< Keras 3: /layers/<class>_<k>/vars/<i>
  kOldest       ///< Keras 0.x: /layer_<k>/param_<i>
};

std::optional<Layout> layout_of(const Hdf5File& file) {
  if (file.has_attribute("/", "nb_layers") && file.contains("/layer_0")) return Layout::kOldest;
  if (file.contains("/model_weights") || file.has_attribute("/", "layer_names") ||
      file.has_attribute("/", "layer_names0")) {
    return Layout::kNamed;
  }
  if (file.contains("/layers") || file.contains("/_layer_checkpoint_dependencies"))
    return Layout::kContainers;
  return std::nullopt;
}

std::vector<Exemption> training_only() {
  return {{"/optimizer_weights", "state of the optimiser"},
          {"/model_weights/top_level_model_weights", "weights outside of layers"},
          {"/optimizer", "state of the optimiser"},
          {"/vars", "weights outside of layers"},
          {"*/seed_generator*", "state of random numbers"}};
}

Bindings empty_bindings() {
  Bindings bindings;
  bindings.unused = training_only();
  return bindings;
}

// --- onto the graph that the file itself describes -----------------------------------------------

/// Tensors by layer and role, and by the outermost model, layer and role.
struct Names {
  std::map<std::pair<std::string, std::string>, std::string> layers;
  std::map<std::array<std::string, 3>, std::string> inner;
};

Names named_variables(const Source& source) {
  Names names;
  std::map<std::pair<std::string, std::string>, int> uses;
  for (const SourceTensor& t : source.tensors) {
    const auto v = keras_variable(t.name);
    if (!v) continue;
    names.inner[{v->layer, v->inner, v->role}] = t.name;
    names.layers[{v->layer, v->role}] = t.name;
    ++uses[{v->inner, v->role}];
  }
  // Layers of a model in a model go by their own names too, where these are the only ones.
  for (const auto& [key, tensor] : names.inner) {
    if (uses[{key[1], key[2]}] == 1) names.layers.try_emplace({key[1], key[2]}, tensor);
  }
  return names;
}

std::vector<std::string> sources_of(const KerasWeight& w, Layout layout, const Names& names) {
  if (layout == Layout::kNamed) {
    // Keras 3 calls depthwise kernels as any others.
    const std::string other = w.role == "depthwise_kernel" ? "kernel" : w.role;
    for (const std::string& role : {w.role, other}) {
      const auto within = names.inner.find({w.outer, w.layer, role});
      if (within != names.inner.end()) return {within->second};
      const auto at = names.layers.find({w.layer, role});
      if (w.outer == w.layer && at != names.layers.end()) return {at->second};
    }
    return {"/" + w.outer + "/" + w.layer + "/" + w.role};
  }
  const std::string end = "/vars/" + std::to_string(w.place);
  // Never by the layer's own name: another layer's container may be called that.
  std::vector<std::string> all;
  for (const char* group : {"/layers/", "/_layer_checkpoint_dependencies/"}) {
    std::string path;
    for (const std::string& container : w.containers) path += group + container;
    all.push_back(path + end);
  }
  return all;
}

/// A layer that only other outputs need. A further use of a layer that is needed has its tensors
/// taken.
void exempt(const KerasLeftOut& layer, Layout layout, const Names& names, Bindings& bindings) {
  if (layout == Layout::kNamed) {
    for (const auto& [key, tensor] : names.inner) {
      if (key[0] == layer.outer && key[1] == layer.layer)
        bindings.unused.push_back({tensor, layer.reason});
    }
    return;
  }
  for (const char* group : {"/layers/", "/_layer_checkpoint_dependencies/"}) {
    std::string path;
    for (const std::string& container : layer.containers) path += group + container;
    bindings.unused.push_back({path, layer.reason});
  }
}

Bindings bind_own(const KerasGraph& net, Layout layout, const Names& names) {
  Bindings bindings = empty_bindings();
  for (const KerasWeight& w : net.weights) {
    Binding binding;
    binding.node = w.node;
    binding.parameter = w.parameter;
    binding.transform = w.transform;
    binding.also = w.also;
    binding.may_share = w.shared;
    if (!w.values.empty()) {
      binding.values = w.values;
    } else {
      binding.sources = sources_of(w, layout, names);
    }
    bindings.list.push_back(std::move(binding));
  }
  for (const KerasLeftOut& layer : net.left_out) exempt(layer, layout, names, bindings);
  return bindings;
}

// --- onto an architecture
// --------------------------------------------------------------------------

/// The maps whose flattened features, in Keras' order, a layer gets; zeros when it gets none.
std::array<std::int64_t, 3> flattened(const Graph& graph, NodeId node) {
  for (NodeId at = graph.node(node).inputs[0]; at != 0; at = graph.node(at).inputs[0]) {
    const Node& n = graph.node(at);
    const Shape& s = graph.node(n.inputs[0]).shape;
    if (n.layer->kind() == LayerKind::kFlatten && s.plane() > 1) {
      return s.c > 1 ? std::array{s.h, s.w, s.c} : std::array<std::int64_t, 3>{};
    }
    if (feature_order_behind(n.layer->kind()) != FeatureOrder::kKept) break;
  }
  return {};
}

Transform keras_transform(const Graph& graph, NodeId node, const ParameterSpec& spec) {
  Transform t;
  const LayerKind kind = graph.node(node).layer->kind();
  // One number a feature, in the features' order.
  if (kind == LayerKind::kBatchNorm) t.hwc = flattened(graph, node);
  if (spec.name != "weight") return t;
  if (kind == LayerKind::kDense) {
    t.axes = {1, 0};
    t.hwc = flattened(graph, node);
  } else {
    t.axes = {3, 2, 0, 1};
  }
  return t;
}

std::string role_of(const std::string& parameter) {
  if (parameter == "weight") return "kernel";
  if (parameter == "mean") return "moving_mean";
  if (parameter == "variance") return "moving_variance";
  return parameter;
}

Bindings bind_by_name(const Graph& graph, const Names& names) {
  Bindings bindings = empty_bindings();
  std::map<NodeId, std::vector<std::string>> nodes;
  for (NodeId id = 0; id < graph.size(); ++id) nodes[id] = {graph.node(id).name};
  for (const auto& [alias, id] : graph.aliases()) nodes[id].push_back(alias);
  // Keras allows no '/' in a layer's name.
  for (auto& [id, own] : nodes) {
    std::string without = own.front();
    std::replace(without.begin(), without.end(), '/', '_');
    if (without != own.front()) own.push_back(without);
  }
  for (NodeId id = 0; id < graph.size(); ++id) {
    std::size_t parameter = 0;
    for (const ParameterSpec& spec : graph.parameters(id)) {
      Binding binding;
      binding.node = id;
      binding.parameter = parameter++;
      binding.transform = keras_transform(graph, id, spec);
      const std::string role = role_of(spec.name);
      for (const std::string& name : nodes[id]) {
        const auto at = names.layers.find({name, role});
        binding.sources.push_back(
            at != names.layers.end() ? at->second : "/" + name + "/" + name + "/" + role + ":0");
      }
      bindings.list.push_back(std::move(binding));
    }
  }
  return bindings;
}

/// Keras 3 forgets the layers' names: the k-th convolution is the k-th, and so on.
Bindings bind_by_order(const Graph& graph) {
  Bindings bindings = empty_bindings();
  std::map<std::string, int> counts;
  for (NodeId id = 0; id < graph.size(); ++id) {
    const std::vector<ParameterSpec> specs = graph.parameters(id);
    if (specs.empty()) continue;
    const LayerKind kind = graph.node(id).layer->kind();
    const std::string type = kind == LayerKind::kConv    ? "conv2d"
                             : kind == LayerKind::kDense ? "dense"
                                                         : "batch_normalization";
    const int count = counts[type]++;
    const std::string container = type + (count == 0 ? "" : "_" + std::to_string(count));
    for (std::size_t i = 0; i < specs.size(); ++i) {
      Binding binding;
      binding.node = id;
      binding.parameter = i;
      binding.transform = keras_transform(graph, id, specs[i]);
      for (const char* root : {"/layers/", "/_layer_checkpoint_dependencies/"}) {
        binding.sources.push_back(root + container + "/vars/" + std::to_string(i));
      }
      bindings.list.push_back(std::move(binding));
    }
  }
  return bindings;
}

/// Keras 0.x numbered all layers, padding too, and ran on Theano: kernels of a true convolution, O
/// x I x kh x kw, features in C, H, W order. The k-th layer with parameters is the k-th.
Bindings bind_oldest(const Graph& graph, const Source& source) {
  Bindings bindings;
  std::map<std::int64_t, int> layers;  // number -> how many parameters
  for (const SourceTensor& t : source.tensors) {
    const std::size_t end = t.name.rfind("/param_");
    if (!t.name.starts_with("/layer_") || end == std::string::npos || t.name.size() > 64) continue;
    ++layers[std::strtoll(t.name.substr(7, end - 7).c_str(), nullptr, 10)];
  }
  auto next = layers.begin();
  for (NodeId id = 0; id < graph.size(); ++id) {
    const std::vector<ParameterSpec> specs = graph.parameters(id);
    if (specs.empty()) continue;
    const std::int64_t number = next == layers.end() ? -1 : (next++)->first;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      Binding binding;
      binding.node = id;
      binding.parameter = i;
      binding.sources = {"/layer_" + std::to_string(number) + "/param_" + std::to_string(i)};
      if (specs[i].name == "weight") {
        if (graph.node(id).layer->kind() == LayerKind::kDense) {
          binding.transform.axes = {1, 0};
        } else {
          binding.transform.flip = true;
        }
      }
      bindings.list.push_back(std::move(binding));
    }
  }
  return bindings;
}

// --- sources
// ---------------------------------------------------------------------------------------

/// What model.to_json() writes.
bool is_model_json(const Candidate& c) {
  const std::size_t first = c.head.find_first_not_of(" \t\r\n");
  return !c.hdf5 && first != std::string::npos && c.head[first] == '{' &&
         c.head.find("\"class_name\"") != std::string::npos;
}

/// The HDF5 file of one alone, or of one with a model's JSON, in either order; null for others.
const Candidate* weights_of(std::span<const Candidate> files) {
  if (files.size() == 1) return files[0].hdf5 ? &files[0] : nullptr;
  if (files.size() != 2) return nullptr;
  if (files[0].hdf5 && is_model_json(files[1])) return &files[0];
  if (files[1].hdf5 && is_model_json(files[0])) return &files[1];
  return nullptr;
}

std::string producer_of(const Hdf5File& file) {
  for (const char* group : {"/", "/model_weights"}) {
    if (!file.contains(group) && std::string(group) != "/") continue;
    if (!file.has_attribute(group, "keras_version")) continue;
    try {
      return "Keras " + file.read_attribute_text(group, "keras_version", 64);
    } catch (const Error&) {  // of an odd type: it is only for the report
      return "Keras";
    }
  }
  return "Keras";
}

void set_bind(Source& source, Layout layout, std::shared_ptr<const KerasGraph> net) {
  auto plain = std::make_shared<Source>(source);  // without bind: no cycle of pointers
  if (net) source.graph = net->graph;
  source.rgb = true;
  source.bind = [plain, net = std::move(net), layout](const Graph& graph,
                                                      const std::string& architecture) {
    if (layout == Layout::kOldest) return bind_oldest(graph, *plain);
    const Names names = named_variables(*plain);
    if (net && architecture.empty()) return bind_own(*net, layout, names);
    return layout == Layout::kContainers ? bind_by_order(graph) : bind_by_name(graph, names);
  };
}

}  // namespace

bool detect_keras_hdf5(std::span<const Candidate> files) {
  const Candidate* weights = weights_of(files);
  return weights != nullptr && layout_of(Hdf5File::open(weights->path)).has_value();
}

Source read_keras_hdf5(std::span<const Candidate> files) {
  return read_keras_hdf5_output(files, "");
}

Source read_keras_hdf5_output(std::span<const Candidate> files, const std::string& output) {
  const Candidate* weights = weights_of(files);
  if (weights == nullptr) {
    throw Error(ErrorKind::kUsage, "Keras' files")
        .expected("one HDF5 file, and, where it has weights only, the model's JSON beside it");
  }
  const std::string& path = weights->path;
  auto file = std::make_shared<const Hdf5File>(Hdf5File::open(path));
  const std::optional<Layout> layout = layout_of(*file);
  if (!layout) {
    throw Error(ErrorKind::kInput, "not in a layout of Keras").at(path);
  }
  std::shared_ptr<const KerasGraph> net;
  if (files.size() == 2) {
    const Candidate& json = weights == &files[0] ? files[1] : files[0];
    if (json.bytes > kMostConfig)
      throw Error(ErrorKind::kInput, "the configuration is too long").at(json.path);
    net = std::make_shared<const KerasGraph>(
        keras_graph(BinaryFile::open(json.path).text_at(0, json.bytes), json.path, output));
  } else if (file->has_attribute("/", "model_config")) {
    net = std::make_shared<const KerasGraph>(
        keras_graph(file->read_attribute_text("/", "model_config", kMostConfig), path, output));
  } else if (!output.empty()) {
    throw Error(ErrorKind::kUsage, "--output, but the file has no architecture").at(path);
  }
  const std::string producer = producer_of(*file);
  Source source = hdf5_source(std::move(file), "keras-hdf5");
  source.producer = producer;
  if (files.size() == 2) source.files = {files[0].path, files[1].path};
  set_bind(source, *layout, std::move(net));
  return source;
}

bool detect_keras_zip(std::span<const Candidate> files) {
  if (files.size() != 1 || !files[0].head.starts_with("PK\x03\x04")) return false;
  if (files[0].named(".keras")) return true;
  return files[0].head.find("metadata.json") != std::string::npos ||
         files[0].head.find("config.json") != std::string::npos;
}

KerasArchive keras_archive(const BinaryFile& archive, const std::string& output) {
  const std::map<std::string, ZipMember> members = zip_directory(archive);
  const auto member = [&](const char* name) -> const ZipMember& {
    const auto at = members.find(name);
    if (at == members.end()) {
      throw Error(ErrorKind::kInput, "no " + std::string(name) + " in the archive")
          .at(archive.path());
    }
    return at->second;
  };
  const ZipMember& config = member("config.json");
  if (config.bytes > kMostConfig)
    throw Error(ErrorKind::kInput, "the configuration is too long").at(archive.path());
  check_member(archive, "config.json", config);
  return {keras_graph(archive.text_at(config.offset, config.bytes), archive.path() + ":config.json",
                      output),
          member("model.weights.h5")};
}

Source read_keras_zip(std::span<const Candidate> files) { return read_keras_zip_output(files, ""); }

Source read_keras_zip_output(std::span<const Candidate> files, const std::string& output) {
  if (files.size() != 1) throw Error(ErrorKind::kUsage, "Keras' files").expected("one file");
  const auto archive = std::make_shared<const BinaryFile>(BinaryFile::open(files[0].path));
  KerasArchive parts = keras_archive(*archive, output);
  const FilePart weights{parts.weights.offset, parts.weights.bytes};
  if (weights.bytes == 0) {
    throw Error(ErrorKind::kInput, "model.weights.h5 is empty").at(files[0].path);
  }
  const auto open = [&] {
    auto file = std::make_shared<const Hdf5File>(Hdf5File::open(files[0].path, weights));
    if (layout_of(*file) != Layout::kContainers) {
      throw Error(ErrorKind::kInput, "no weights in Keras 3's layout")
          .at(files[0].path + ":model.weights.h5");
    }
    return hdf5_source(std::move(file), "keras");
  };
  vet_hdf5(files[0].path, weights, [&open] { (void)open(); });
  Source source = open();
  source.files = {files[0].path};
  source.producer = "Keras 3";
  source.sums = {{"model.weights.h5", weights.offset, weights.bytes, parts.weights.crc}};
  set_bind(source, Layout::kContainers, std::make_shared<const KerasGraph>(std::move(parts.net)));
  return source;
}

}  // namespace cutaway::weights
