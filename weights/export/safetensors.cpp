#include "weights/export/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/graph_json.h"
#include "weights/json.h"
#include "weights/preprocess_json.h"

namespace cutaway::weights {
namespace {

constexpr std::size_t kAlignment = 8;

std::string torch_name(const Node& node, const ParameterSpec& spec) {
  std::string name = node.name;
  std::replace(name.begin(), name.end(), '/', '.');
  if (spec.name == "gamma") return name + ".weight";
  if (spec.name == "beta") return name + ".bias";
  if (spec.name == "mean") return name + ".running_mean";
  if (spec.name == "variance") return name + ".running_var";
  return name + "." + spec.name;
}

Json extents_of(const Node& node, const ParameterSpec& spec) {
  const Shape& s = spec.shape;
  if (spec.name != "weight") return Json::array({s.c});
  if (node.layer->kind() == LayerKind::kDense) return Json::array({s.n, s.c});
  return Json::array({s.n, s.c, s.h, s.w});
}

}  // namespace

void export_safetensors(const Package& package, const std::string& path) {
  const Graph& graph = package.model.graph;
  Json header = Json::object();
  header["__metadata__"] = {{"format", "pt"},
                            {"cutaway_graph", to_json(graph)},
                            {"cutaway_preprocess", to_json(package.preprocess)}};
  std::set<std::string> names{"__metadata__"};
  std::size_t offset = 0;
  for (NodeId id = 0; id < graph.size(); ++id) {
    for (const ParameterSpec& spec : graph.parameters(id)) {
      const std::string name = torch_name(graph.node(id), spec);
      if (!names.insert(name).second) {
        throw Error(ErrorKind::kInput, "two parameters would be called '" + name + "'").at(path);
      }
      const std::size_t bytes = static_cast<std::size_t>(spec.shape.count()) * sizeof(float);
      header[name] = {{"dtype", "F32"},
                      {"shape", extents_of(graph.node(id), spec)},
                      {"data_offsets", {offset, offset + bytes}}};
      offset += bytes;
    }
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception&) {
    throw Error(ErrorKind::kInput, "a name that is not UTF-8").at(path);
  }
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::string front(8, '\0');
  for (std::size_t i = 0; i < 8; ++i)
    front[i] = static_cast<char>((text.size() >> (8 * i)) & 0xFFU);
  front += text;
  files::AtomicFile file(path);
  file.write_at(0, std::as_bytes(std::span(front)));
  std::size_t at = front.size();
  for (NodeId id = 0; id < graph.size(); ++id) {
    for (const Tensor& tensor : package.model.parameters.of(id)) {
      const auto bytes = std::as_bytes(tensor.f32());
      file.write_at(at, bytes);
      at += bytes.size();
    }
  }
  file.commit();
}

}  // namespace cutaway::weights
