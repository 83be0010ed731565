#include "layers/classifier.h"

#include <initializer_list>

#include "layers/activation.h"
#include "layers/conv.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

constexpr std::initializer_list<LayerKind> kRectifiersAndDropout{
    LayerKind::kRelu,       LayerKind::kLeakyRelu, LayerKind::kClip,
    LayerKind::kActivation, LayerKind::kPRelu,     LayerKind::kDropout};

NodeId up(const Graph& graph, NodeId id) { return graph.node(id).inputs.at(0); }

LayerKind kind_of(const Graph& graph, NodeId id) { return graph.node(id).layer->kind(); }

bool is_pointwise_conv(const Graph& graph, NodeId id) {
  if (kind_of(graph, id) != LayerKind::kConv) return false;
  const auto& g = static_cast<const Conv&>(*graph.node(id).layer).geometry();
  return g.kernel_h == 1 && g.kernel_w == 1 && g.groups == 1;
}

/// Pools a whole plane to one value.
bool is_global_pool(const Graph& graph, NodeId id) {
  const LayerKind kind = kind_of(graph, id);
  if (kind == LayerKind::kGlobalAveragePool || kind == LayerKind::kGlobalMaxPool) return true;
  const Shape& out = graph.node(id).shape;
  const Shape& in = graph.node(up(graph, id)).shape;
  if (kind != LayerKind::kAveragePool || out.h != 1 || out.w != 1) return false;
  const Window w = graph.node(id).layer->window();
  return w.kernel_h == in.h && w.kernel_w == in.w && w.pad_h == 0 && w.pad_w == 0;
}

NodeId skip(const Graph& graph, NodeId id, std::initializer_list<LayerKind> kinds) {
  while (id > 0) {
    bool hit = false;
    for (const LayerKind kind : kinds) hit = hit || kind_of(graph, id) == kind;
    if (!hit) break;
    id = up(graph, id);
  }
  return id;
}

}  // namespace

NodeId logits_node(const Graph& graph) {
  const NodeId last = skip(graph, graph.last(), {LayerKind::kSoftmax});
  // A head of independent classes, or of one.
  const auto* activation = dynamic_cast<const ActivationLayer*>(graph.node(last).layer.get());
  const bool head = activation != nullptr && activation->squashes() && last == graph.last();
  return head ? up(graph, last) : last;
}

std::int64_t class_count(const Graph& graph) {
  const Node& logits = graph.node(logits_node(graph));
  if (logits.shape.h != 1 || logits.shape.w != 1) {
    throw Error(ErrorKind::kUnsupported, "the network does not end in class scores")
        .at(logits.name)
        .got(to_string(logits.shape));
  }
  return logits.shape.c;
}

LayerChoice default_layer(const Graph& graph) {
  const NodeId logits = logits_node(graph);
  const std::int64_t classes = graph.node(logits).shape.c;
  NodeId id =
      skip(graph, logits,
           {LayerKind::kDense, LayerKind::kRelu, LayerKind::kLeakyRelu, LayerKind::kClip,
            LayerKind::kActivation, LayerKind::kPRelu, LayerKind::kDropout, LayerKind::kFlatten,
            LayerKind::kBatchNorm, LayerKind::kLayerNorm, LayerKind::kRearrange});
  std::string why = "last maps before the classifier";
  if (id > 0 && is_global_pool(graph, id)) {
    id = up(graph, id);
    why = "maps that the global pooling reads";
    // Class maps of a fully convolutional classifier are scores, not features.
    const NodeId conv = skip(graph, id, kRectifiersAndDropout);
    if (conv > 0 && is_pointwise_conv(graph, conv) && graph.node(conv).shape.c == classes &&
        id != conv && graph.node(logits).shape.c == graph.node(id).shape.c &&
        kind_of(graph, logits) != LayerKind::kDense) {
      id = skip(graph, up(graph, conv), {LayerKind::kDropout});
      why = "maps that the class-map convolution '" + graph.node(conv).name + "' reads";
    }
  } else if (id > 0 && kind_of(graph, id) == LayerKind::kMaxPool) {
    id = up(graph, id);
    why = "last maps before '" + graph.node(logits).name + "' and its max pooling";
  }
  id = skip(graph, id, {LayerKind::kDropout});
  const Shape& shape = graph.node(id).shape;
  if (id <= 0 || (shape.h == 1 && shape.w == 1)) {
    throw Error(ErrorKind::kUnsupported, "the network has no spatial maps before its classifier");
  }
  return {id, why};
}

std::optional<CamHead> cam_head(const Graph& graph) {
  const NodeId logits = logits_node(graph);
  if (kind_of(graph, logits) == LayerKind::kDense) {
    const NodeId pool = skip(graph, up(graph, logits), {LayerKind::kDropout, LayerKind::kFlatten});
    if (pool <= 0 || !is_global_pool(graph, pool)) return std::nullopt;
    const bool mean = kind_of(graph, pool) != LayerKind::kGlobalMaxPool;
    return CamHead{up(graph, pool), logits, mean};
  }
  const NodeId pool = skip(graph, logits, {LayerKind::kDropout, LayerKind::kFlatten});
  if (pool <= 0 || !is_global_pool(graph, pool)) return std::nullopt;
  const NodeId before = up(graph, pool);
  const NodeId conv = skip(graph, before, kRectifiersAndDropout);
  if (conv <= 0 || !is_pointwise_conv(graph, conv)) return std::nullopt;
  // Padding of the 1x1 convolution only adds border values that are bias alone.
  return CamHead{skip(graph, up(graph, conv), {LayerKind::kDropout}), conv, false};
}

}  // namespace cutaway
