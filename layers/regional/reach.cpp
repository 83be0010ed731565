#include "layers/regional/reach.h"

#include <algorithm>

#include "layers/elementwise.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

void unite(Region& all, const Region& part) {
  if (part.empty()) return;
  if (all.empty()) {
    all = part;
    return;
  }
  all.rows = {std::min(all.rows.first, part.rows.first), std::max(all.rows.last, part.rows.last)};
  all.columns = {std::min(all.columns.first, part.columns.first),
                 std::max(all.columns.last, part.columns.last)};
}

bool covers(const Region& region, const Shape& plane) {
  return !region.empty() && region.rows.size() == plane.h && region.columns.size() == plane.w;
}

}  // namespace

Locality locality(const Layer& layer, std::span<const Shape> in) {
  switch (layer.kind()) {
    case LayerKind::kConv:
    case LayerKind::kMaxPool:
      return Locality::kWindowed;
    case LayerKind::kAveragePool:
    case LayerKind::kPad:
    case LayerKind::kFlatten:
    case LayerKind::kWindow:
      return Locality::kWhole;
    case LayerKind::kElementwise:
      if (static_cast<const Elementwise&>(layer).depends_on_place()) return Locality::kWhole;
      break;
    default:
      break;
  }
  const Window w = layer.window();
  const bool point = !w.global && w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 &&
                     w.stride_w == 1 && w.pad_h == 0 && w.pad_w == 0;
  const Shape out = layer.infer(in);
  const bool same =
      std::ranges::all_of(in, [&](const Shape& s) { return s.h == out.h && s.w == out.w; });
  return point && same ? Locality::kPointwise : Locality::kWhole;
}

std::vector<Region> affected_regions(const Graph& graph,
                                     std::span<const Shape> shapes,
                                     const Region& changed) {
  std::vector<Region> regions(static_cast<std::size_t>(graph.size()));
  regions[0] = changed;
  for (NodeId id = 1; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    const auto o = static_cast<std::size_t>(id);
    const std::vector<Shape> in = graph.input_shapes(id, shapes);
    const Locality local = locality(*node.layer, in);
    for (std::size_t j = 0; j < node.inputs.size(); ++j) {
      const Region& r = regions[static_cast<std::size_t>(node.inputs[j])];
      if (r.empty()) continue;
      // A plane that changes as a whole need not be cut: what follows is computed whole as well.
      const bool whole = local == Locality::kWhole || covers(r, in[j]);
      unite(regions[o],
            whole ? whole_region(shapes[o]) : output_region(*node.layer, r, in[j], shapes[o]));
    }
  }
  return regions;
}

std::vector<Region> needed_regions(const Graph& graph,
                                   std::span<const Shape> shapes,
                                   NodeId from,
                                   const Region& wanted) {
  std::vector<Region> regions(static_cast<std::size_t>(graph.size()));
  regions[static_cast<std::size_t>(from)] = wanted;
  for (NodeId id = from; id > 0; --id) {
    const Node& node = graph.node(id);
    const auto o = static_cast<std::size_t>(id);
    if (regions[o].empty()) continue;
    const std::vector<Shape> in = graph.input_shapes(id, shapes);
    const Locality local = locality(*node.layer, in);
    for (std::size_t j = 0; j < node.inputs.size(); ++j) {
      unite(regions[static_cast<std::size_t>(node.inputs[j])],
            local == Locality::kWhole ? whole_region(in[j])
                                      : input_region(*node.layer, regions[o], in[j]));
    }
  }
  return regions;
}

}  // namespace cutaway
