#include <algorithm>
#include <filesystem>
#include <map>

#include "runtime/error.h"
#include "weights/import/caffe/caffe_graph.h"
#include "weights/import/caffe/caffe_model.h"
#include "weights/import/hdf5/hdf5_source.h"
#include "weights/import/readers.h"

namespace cutaway::weights {
namespace {

bool is_prototxt(const Candidate& c) {
  if (c.named(".prototxt") || c.named(".pbtxt")) return true;
  const bool text = std::none_of(c.head.begin(), c.head.end(), [](char ch) { return ch == '\0'; });
  return text && !c.hdf5 && c.head.find("layer") != std::string::npos &&
         c.head.find('{') != std::string::npos && c.head.find("type:") != std::string::npos;
}

/// A net's name (field 1), then layers (field 2 or 100); ONNX files begin with a number.
bool is_caffemodel(const Candidate& c) {
  if (c.named(".caffemodel")) return true;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(c.head[i]); };
  if (c.hdf5 || c.head.size() < 8 || byte(0) != 0x0A || byte(1) >= 0x80) return false;
  const std::size_t next = 2 + std::size_t{byte(1)};
  if (next + 1 >= c.head.size()) return false;
  return byte(next) == 0x12 || (byte(next) == 0xA2 && byte(next + 1) == 0x06);
}

/// /data/<layer>/<blob> in HDF5, <layer>/<blob> in a .caffemodel.
std::string tensor_name(bool hdf5, const std::string& layer, int blob) {
  return (hdf5 ? "/data/" : "") + layer + "/" + std::to_string(blob);
}

Source weights_source(const Candidate& c) {
  if (c.hdf5) return hdf5_source(std::make_shared<const Hdf5File>(Hdf5File::open(c.path)), "caffe");
  auto file = std::make_shared<const BinaryFile>(BinaryFile::open(c.path));
  CaffeModel model = read_caffe_model(*file);
  Source source;
  source.format = "caffe";
  source.files = {c.path};
  source.tensors = std::move(model.tensors);
  read_from(source, std::move(file), std::move(model.places));
  return source;
}

/// Channels that the first convolution's kernels have; 0 where there are none.
std::int64_t input_channels(const TextMessage& net, const Source& weights, bool hdf5) {
  for (const char* field : {"layer", "layers"}) {
    for (const TextMessage* layer : net.messages(field)) {
      const std::string name = tensor_name(hdf5, layer->text("name", ""), 0);
      for (const SourceTensor& t : weights.tensors) {
        if (t.name != name || t.extents.size() != 4 || t.extents[0] == 1) continue;
        return t.extents[1] * layer->message("convolution_param").integer("group", 1, 1, 1 << 20);
      }
    }
  }
  return 0;
}

/// Caffe keeps sums of estimates and how many they are; the number is read to divide by it.
float estimate_factor(const Source& source, const std::string& tensor) {
  for (std::size_t i = 0; i < source.tensors.size(); ++i) {
    if (source.tensors[i].name != tensor) continue;
    if (count_of(source.tensors[i].extents) != 1) return 1;
    float sum = 0;
    source.read(i, {&sum, 1});
    return sum == 0 ? 0 : 1 / sum;
  }
  return 1;
}

Bindings bind_caffe_graph(const Source& source,
                          bool hdf5,
                          const CaffeGraph& net,
                          const Graph& graph) {
  Bindings bindings;
  if (hdf5) bindings.unused.push_back({"/diff", "gradients, not weights"});
  for (const std::string& layer : net.left_out) {
    bindings.unused.push_back(
        {(hdf5 ? "/data/" : "") + layer, "the output does not depend on this layer"});
  }
  for (const CaffeBlob& blob : net.blobs) {
    const std::vector<ParameterSpec> specs = graph.parameters(blob.node);
    const auto at = std::find_if(specs.begin(), specs.end(),
                                 [&](const ParameterSpec& s) { return s.name == blob.parameter; });
    check(at != specs.end(), "a blob for a parameter that is not there");
    Binding binding;
    binding.node = blob.node;
    binding.parameter = static_cast<std::size_t>(at - specs.begin());
    if (blob.layer.empty()) {
      binding.values = {blob.constant};
    } else {
      binding.sources = {tensor_name(hdf5, blob.layer, blob.blob)};
      if (blob.transposed) binding.transform.axes = {1, 0};
      if (!blob.scale_layer.empty()) {
        const std::string factor = tensor_name(hdf5, blob.scale_layer, 2);
        binding.transform.factor = estimate_factor(source, factor);
        bindings.unused.push_back({factor, "number of estimates, divided by"});
      }
    }
    bindings.list.push_back(std::move(binding));
  }
  return bindings;
}

/// Onto an architecture of the zoo, by Caffe's names of layers.
Bindings bind_names(const Graph& graph, bool hdf5) {
  std::map<NodeId, std::vector<std::string>> names;
  for (NodeId id = 0; id < graph.size(); ++id) names[id] = {graph.node(id).name};
  for (const auto& [alias, id] : graph.aliases()) names[id].push_back(alias);
  Bindings bindings;
  if (hdf5) bindings.unused.push_back({"/diff", "gradients, not weights"});
  for (NodeId id = 0; id < graph.size(); ++id) {
    std::size_t parameter = 0;
    for (const ParameterSpec& spec : graph.parameters(id)) {
      Binding binding;
      binding.node = id;
      binding.parameter = parameter++;
      for (const std::string& name : names[id]) {
        if (spec.name == "weight") binding.sources.push_back(tensor_name(hdf5, name, 0));
        if (spec.name == "bias") binding.sources.push_back(tensor_name(hdf5, name, 1));
      }
      bindings.list.push_back(std::move(binding));
    }
  }
  return bindings;
}

const Candidate* find(std::span<const Candidate> files, bool (*fits)(const Candidate&)) {
  const auto at = std::find_if(files.begin(), files.end(), fits);
  return at == files.end() ? nullptr : &*at;
}

}  // namespace

bool detect_caffe(std::span<const Candidate> files) {
  if (files.size() == 1) return is_caffemodel(files[0]) || is_prototxt(files[0]);
  if (files.size() != 2) return false;
  const Candidate* text = find(files, is_prototxt);
  if (text == nullptr) return false;
  const Candidate& other = text == &files[0] ? files[1] : files[0];
  return other.hdf5 || is_caffemodel(other);
}

Source read_caffe(std::span<const Candidate> files) {
  const Candidate* text = find(files, is_prototxt);
  if (files.empty() || files.size() > 2 || (files.size() == 2 && text == nullptr)) {
    throw Error(ErrorKind::kUsage, "Caffe's files")
        .expected("a prototxt and a .caffemodel or HDF5 file");
  }
  if (text == nullptr) {
    Source source = weights_source(files[0]);
    source.bind = [](const Graph& graph, const std::string&) { return bind_names(graph, false); };
    return source;
  }
  if (files.size() == 1) {
    throw Error(ErrorKind::kInput, "a prototxt has no weights")
        .at(text->path)
        .hint("name the .caffemodel or HDF5 file behind it");
  }
  const std::string name = std::filesystem::path(text->path).filename().string();
  const BinaryFile file = BinaryFile::open(text->path);
  if (file.size() > TextMessage::kMostBytes) {
    throw Error(ErrorKind::kInput, "the prototxt is too long").at(text->path);
  }
  const TextMessage net = TextMessage::parse(file.text_at(0, file.size()), name);
  const Candidate& weights = text == &files[0] ? files[1] : files[0];
  Source source = weights_source(weights);
  auto described = std::make_shared<CaffeGraph>(
      caffe_graph(net, name, input_channels(net, source, weights.hdf5)));
  source.files.insert(source.files.begin(), text->path);
  source.graph = described->graph;
  source.preprocess = described->preprocess;
  auto plain = std::make_shared<Source>(source);  // without bind: no cycle of pointers
  source.bind = [plain, described, hdf5 = weights.hdf5](const Graph& graph,
                                                        const std::string& architecture) {
    if (architecture.empty()) return bind_caffe_graph(*plain, hdf5, *described, graph);
    return bind_names(graph, hdf5);
  };
  return source;
}

}  // namespace cutaway::weights
