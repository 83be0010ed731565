#include "weights/export/keras_hdf5.h"

#include <algorithm>
#include <set>
#include <vector>

#include "layers/conv.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/hdf5_file.h"

namespace cutaway::weights {
namespace {

struct Turned {
  std::vector<std::int64_t> extents;
  std::vector<float> values;
};

/// The maps whose flattening a vector is; 1 x 1 where it is none.
Shape flattened_maps(const Graph& graph, NodeId node) {
  for (NodeId at = node; at != 0; at = graph.node(at).inputs[0]) {
    const Node& n = graph.node(at);
    const LayerKind kind = n.layer->kind();
    if (kind == LayerKind::kFlatten) return graph.node(n.inputs[0]).shape;
    if (n.shape.plane() != 1) break;
    if (kind != LayerKind::kDropout && kind != LayerKind::kRelu && kind != LayerKind::kBatchNorm)
      break;
  }
  return {1, 1, 1, 1};
}

/// O x I x H x W to H x W x I x O (depthwise: O x 1 x H x W to H x W x groups x multiplier).
Turned kernel(const Tensor& w, std::int64_t depthwise_groups) {
  const Shape& s = w.shape();
  const auto from = w.f32();
  Turned t;
  t.values.resize(from.size());
  const std::int64_t inner = depthwise_groups > 0 ? depthwise_groups : s.c;
  const std::int64_t outer = depthwise_groups > 0 ? s.n / depthwise_groups : s.n;
  t.extents = {s.h, s.w, inner, outer};
  std::size_t at = 0;
  for (std::int64_t h = 0; h < s.h; ++h) {
    for (std::int64_t x = 0; x < s.w; ++x) {
      for (std::int64_t i = 0; i < inner; ++i) {
        for (std::int64_t o = 0; o < outer; ++o) {
          const std::int64_t row = depthwise_groups > 0 ? i * outer + o : o * s.c + i;
          t.values[at++] = from[static_cast<std::size_t>((row * s.h + h) * s.w + x)];
        }
      }
    }
  }
  return t;
}

/// O x I to I x O, the features of `maps` from C, H, W to H, W, C.
Turned matrix(const Tensor& w, const Shape& maps) {
  const Shape& s = w.shape();
  const auto from = w.f32();
  Turned t{{s.c, s.n}, std::vector<float>(from.size())};
  const std::int64_t plane = maps.plane();
  const std::int64_t channels = plane > 1 ? maps.c : 1;
  for (std::int64_t i = 0; i < s.c; ++i) {
    const std::int64_t feature = plane > 1 ? (i % channels) * plane + i / channels : i;
    for (std::int64_t o = 0; o < s.n; ++o) {
      t.values[static_cast<std::size_t>(i * s.n + o)] =
          from[static_cast<std::size_t>(o * s.c + feature)];
    }
  }
  return t;
}

std::string role_of(const ParameterSpec& spec, bool depthwise) {
  if (spec.name == "weight") return depthwise ? "depthwise_kernel" : "kernel";
  if (spec.name == "mean") return "moving_mean";
  if (spec.name == "variance") return "moving_variance";
  return spec.name;
}

class Exporter {
 public:
  Exporter(const Package& package, Hdf5File& file) : model_(package.model), file_(file) {}

  void run() {
    for (NodeId id = 0; id < model_.graph.size(); ++id) {
      if (!model_.graph.parameters(id).empty()) layer(id);
    }
    file_.write_attribute("/", "layer_names", names_);
    file_.write_attribute("/", "backend", "tensorflow");
    file_.write_attribute("/", "keras_version", "2.15.0");
  }

 private:
  void layer(NodeId id) {
    const Node& node = model_.graph.node(id);
    std::string name = node.name;
    std::replace(name.begin(), name.end(), '/', '_');
    if (!seen_.insert(name).second) {
      throw Error(ErrorKind::kInput, "two layers would be called '" + name + "'").at(file_.path());
    }
    names_.push_back(name);
    const std::int64_t groups = depthwise_groups(node);
    const std::vector<ParameterSpec> specs = model_.graph.parameters(id);
    std::vector<std::string> weights;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const std::string weight = name + "/" + role_of(specs[i], groups > 0) + ":0";
      const Turned t = turned(id, specs[i], model_.parameters.of(id)[i], groups);
      file_.write_f32("/" + name + "/" + weight, t.extents, t.values);
      weights.push_back(weight);
    }
    file_.write_attribute("/" + name, "weight_names", weights);
  }

  /// Groups of a convolution that has one for each input channel; 0 for any other layer.
  [[nodiscard]] std::int64_t depthwise_groups(const Node& node) const {
    if (node.layer->kind() != LayerKind::kConv) return 0;
    const std::int64_t groups = static_cast<const Conv&>(*node.layer).geometry().groups;
    return groups > 1 && groups == model_.graph.node(node.inputs[0]).shape.c ? groups : 0;
  }

  Turned turned(NodeId id, const ParameterSpec& spec, const Tensor& value, std::int64_t groups) {
    const Node& node = model_.graph.node(id);
    const Shape maps = flattened_maps(model_.graph, node.inputs[0]);
    if (spec.name == "weight") {
      return node.layer->kind() == LayerKind::kDense ? matrix(value, maps) : kernel(value, groups);
    }
    if (node.layer->kind() == LayerKind::kBatchNorm && maps.plane() > 1) {
      throw Error(ErrorKind::kUnsupported, "normalisation of flattened maps").at(node.name);
    }
    return {{spec.shape.c}, {value.f32().begin(), value.f32().end()}};
  }

  const Model& model_;
  Hdf5File& file_;
  std::vector<std::string> names_;
  std::set<std::string> seen_;
};

}  // namespace

void export_keras_hdf5(const Package& package, const std::string& path) {
  files::AtomicFile target(path);
  Hdf5File file = Hdf5File::create(target.temporary());
  Exporter(package, file).run();
  file.close();
  target.commit();
}

}  // namespace cutaway::weights
