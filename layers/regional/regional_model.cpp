#include "layers/regional/regional_model.h"

#include <algorithm>
#include <limits>

#include "layers/registry.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

std::size_t index(NodeId node) { return static_cast<std::size_t>(node); }

/// A window of `extent` that holds `span`, within a plane of `plane`.
std::int64_t start_of(const Span& span, std::int64_t extent, std::int64_t plane) {
  return span.empty() ? 0 : std::min(span.first, plane - extent);
}

/// The same layer without padding: its windows arrive with their halo.
LayerPtr unpadded(const Layer& layer) {
  Attributes a = layer.attributes();
  a.set("pad_h", std::int64_t{0});
  a.set("pad_w", std::int64_t{0});
  if (layer.kind() == LayerKind::kMaxPool) a.set("ceil_mode", false);
  return make_layer(layer.type(), a);
}

}  // namespace

RegionalModel RegionalModel::affected(const Model& full,
                                      std::span<const Region> changed,
                                      NodeId output) {
  return {full, true, changed, output};
}

RegionalModel RegionalModel::needed(const Model& full,
                                    std::span<const Region> wanted,
                                    NodeId node) {
  return {full, false, wanted, node};
}

RegionalModel::RegionalModel(const Model& full,
                             bool affected,
                             std::span<const Region> regions,
                             NodeId node)
    : full_(full), affected_(affected), target_(node) {
  check(!regions.empty(), "regional passes over no region");
  Shape input = full.graph.node(0).shape;
  input.n = 1;
  shapes_ = full.graph.infer(input);
  measure(regions);
  build();
}

std::vector<Region> RegionalModel::regions_for(const Region& region) const {
  return affected_ ? affected_regions(full_.graph, shapes_, region)
                   : needed_regions(full_.graph, shapes_, target_, region);
}

/// Extents of all windows, and which of them a layer can read without a cut.
void RegionalModel::measure(std::span<const Region> regions) {
  const Graph& graph = full_.graph;
  extents_.resize(index(graph.size()));
  std::vector<bool> needed(extents_.size());
  needed[index(target_)] = true;
  for (NodeId id = target_; id > 0; --id) {
    if (!needed[index(id)]) continue;
    for (const NodeId input : graph.node(id).inputs) needed[index(input)] = true;
  }
  for (const Region& region : regions) {
    const std::vector<Region> all = regions_for(region);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!needed[i]) continue;
      // A value that no region touches keeps a window of one pixel: its readers expect a value.
      extents_[i].h = std::max({extents_[i].h, all[i].rows.size(), std::int64_t{1}});
      extents_[i].w = std::max({extents_[i].w, all[i].columns.size(), std::int64_t{1}});
    }
  }
  direct_.resize(extents_.size());
  for (NodeId id = 1; id <= target_; ++id) {
    if (needed[index(id)]) direct_[index(id)].assign(graph.node(id).inputs.size(), true);
  }
  for (const Region& region : regions) {
    const std::vector<Region> all = regions_for(region);
    for (NodeId id = 1; id <= target_; ++id) {
      for (std::size_t j = 0; j < direct_[index(id)].size(); ++j) {
        const Extent read = read_extent(id, j);
        const NodeId input = graph.node(id).inputs[j];
        const Extent& held = extents_[index(input)];
        if (!(held.h == read.h && held.w == read.w && corner(input, all) == read_corner(id, all))) {
          direct_[index(id)][j] = false;
        }
      }
    }
  }
}

bool RegionalModel::is_whole(NodeId node) const {
  const Extent& e = extents_[index(node)];
  return e.h == shapes_[index(node)].h && e.w == shapes_[index(node)].w;
}

/// The layer runs as it is, padding included, over the whole of its inputs.
bool RegionalModel::keeps_padding(NodeId consumer) const {
  const Node& node = full_.graph.node(consumer);
  const auto in = full_.graph.input_shapes(consumer, shapes_);
  if (locality(*node.layer, in) == Locality::kWhole) return true;
  return is_whole(consumer) &&
         std::ranges::all_of(node.inputs, [&](NodeId i) { return is_whole(i); });
}

RegionalModel::Extent RegionalModel::read_extent(NodeId consumer, std::size_t input) const {
  const Node& node = full_.graph.node(consumer);
  const Shape& plane = shapes_[index(node.inputs[input])];
  if (keeps_padding(consumer)) return {plane.h, plane.w};
  const Window w = node.layer->window();
  const Extent& out = extents_[index(consumer)];
  return {(out.h - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1,
          (out.w - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w + 1};
}

RegionalModel::Corner RegionalModel::read_corner(NodeId consumer,
                                                 std::span<const Region> regions) const {
  if (keeps_padding(consumer)) return {};
  const Window w = full_.graph.node(consumer).layer->window();
  const Corner out = corner(consumer, regions);
  return {out.row * w.stride_h - w.pad_h, out.column * w.stride_w - w.pad_w};
}

RegionalModel::Corner RegionalModel::corner(NodeId node, std::span<const Region> regions) const {
  const Region& r = regions[index(node)];
  const Extent& e = extents_[index(node)];
  const Shape& plane = shapes_[index(node)];
  return {start_of(r.rows, e.h, plane.h), start_of(r.columns, e.w, plane.w)};
}

LayerPtr RegionalModel::layer_for(NodeId node) const {
  const LayerPtr& layer = full_.graph.node(node).layer;
  const auto in = full_.graph.input_shapes(node, shapes_);
  const bool windowed = locality(*layer, in) == Locality::kWindowed;
  return windowed && !keeps_padding(node) ? unpadded(*layer) : layer;
}

void RegionalModel::add_cut(Graph& graph,
                            NodeId consumer,
                            std::size_t input,
                            std::vector<NodeId>& inputs) {
  const NodeId source = full_.graph.node(consumer).inputs[input];
  const bool pools = full_.graph.node(consumer).layer->kind() == LayerKind::kMaxPool;
  const float outside = pools ? -std::numeric_limits<float>::infinity() : 0.0f;
  const Extent read = read_extent(consumer, input);
  auto state = std::make_shared<WindowState>();
  inputs.push_back(graph.add(
      full_.graph.node(source).name + ">" + full_.graph.node(consumer).name,
      std::make_shared<WindowLayer>(read.h, read.w, shapes_[index(source)], outside, state),
      {nodes_[index(source)]}));
  cuts_.push_back({source, consumer, std::move(state)});
  if (affected_ && std::ranges::find(sources_, source) == sources_.end())
    sources_.push_back(source);
}

void RegionalModel::build() {
  const Graph& full = full_.graph;
  nodes_.assign(extents_.size(), -1);
  for (NodeId id = 1; id <= target_; ++id) {
    for (const NodeId input : full.node(id).inputs) {
      if (input != 0 || direct_[index(id)].empty()) continue;
      if (first_consumer_ >= 0 || full.node(id).inputs.size() != 1 ||
          full.node(id).layer->kind() == LayerKind::kMaxPool) {
        throw Error(ErrorKind::kUnsupported,
                    "regional passes need one layer, and no pooling, at the input")
            .at(full.node(id).name);
      }
      first_consumer_ = id;
    }
  }
  check(first_consumer_ > 0, "regional passes need a layer above the input");
  const Extent read = read_extent(first_consumer_, 0);
  Graph graph(Shape{1, shapes_[0].c, read.h, read.w});
  nodes_[0] = 0;
  std::vector<NodeId> origin{-1};
  for (NodeId id = 1; id <= target_; ++id) {
    if (direct_[index(id)].empty()) continue;
    const Node& node = full.node(id);
    std::vector<NodeId> inputs;
    for (std::size_t j = 0; j < node.inputs.size(); ++j) {
      if (id == first_consumer_ || direct_[index(id)][j]) {
        inputs.push_back(nodes_[index(node.inputs[j])]);
      } else {
        add_cut(graph, id, j, inputs);
        origin.push_back(-1);
      }
    }
    nodes_[index(id)] = graph.add(node.name, layer_for(id), inputs);
    origin.push_back(id);
  }
  model_ = std::make_unique<Model>(std::move(graph), full_.parameters.shared(origin), full_.cache);
}

void RegionalModel::bind(const Executor& full) {
  for (const Cut& cut : cuts_) {
    if (affected_) cut.state->base = full.value(cut.source);
  }
}

std::vector<RegionalModel::Place> RegionalModel::place(std::span<const Region> regions,
                                                       Stream& stream) {
  std::vector<Place> places;
  std::vector<std::vector<kernels::WindowOrigin>> origins(cuts_.size());
  for (const Region& region : regions) {
    const std::vector<Region> all = regions_for(region);
    for (std::size_t k = 0; k < cuts_.size(); ++k) {
      const Corner read = read_corner(cuts_[k].consumer, all);
      const Corner held = corner(cuts_[k].source, all);
      const auto narrow = [](std::int64_t v) { return static_cast<std::int32_t>(v); };
      origins[k].push_back(
          {narrow(read.row), narrow(read.column), narrow(held.row), narrow(held.column)});
    }
    const Corner in = read_corner(first_consumer_, all);
    const Corner out = corner(target_, all);
    places.push_back({in.row, in.column, out.row, out.column});
  }
  const Device device = device_of(stream);
  synchronize(stream);
  for (std::size_t k = 0; k < cuts_.size(); ++k) {
    Buffer& buffer = cuts_[k].state->origins;
    const std::size_t bytes = origins[k].size() * sizeof(kernels::WindowOrigin);
    if (buffer.bytes() < bytes || !(buffer.device() == device)) buffer = Buffer(device, bytes);
    check(buffer.bytes() >= bytes, "place() of more images than the batch");
    copy_bytes(buffer.data(), device, origins[k].data(), kCpuDevice, bytes);
  }
  return places;
}

}  // namespace cutaway
