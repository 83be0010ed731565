#include "layers/receptive_field.h"

#include <algorithm>

#include "layers/pad.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

/// One axis of a layer's window.
struct Axis {
  std::int64_t kernel, stride, pad, dilation;

  [[nodiscard]] std::int64_t extent() const { return dilation * (kernel - 1) + 1; }
};

/// A flattened unit's position is in its channel number, so like a global layer it may stand for
/// any place.
bool sees_all(const Layer& layer) {
  return layer.window().global || layer.kind() == LayerKind::kFlatten;
}

/// How rows before the first and behind the last come to be; zero where there are none.
kernels::PadMode padding_of(const Layer& layer) {
  const auto* pad = dynamic_cast<const Pad*>(&layer);
  return pad != nullptr ? pad->mode() : kernels::PadMode::kZero;
}

Axis row_axis(const Window& w) { return {w.kernel_h, w.stride_h, w.pad_h, w.dilation_h}; }
Axis column_axis(const Window& w) { return {w.kernel_w, w.stride_w, w.pad_w, w.dilation_w}; }

void pass(Field& field, const Axis& axis) {
  const double reach = static_cast<double>(axis.extent() - 1);
  field.size += reach * field.jump;
  field.center += (reach / 2.0 - static_cast<double>(axis.pad)) * field.jump;
  field.jump *= static_cast<double>(axis.stride);
}

/// floor(a / b) and ceil(a / b) for b > 0 and any a.
std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}
std::int64_t ceiling_div(std::int64_t a, std::int64_t b) { return -floor_div(-a, b); }

Span clipped(const Span& s, std::int64_t extent) {
  return {std::max<std::int64_t>(0, s.first), std::min(extent - 1, s.last)};
}

Span below(const Axis& axis, const Span& out, std::int64_t extent, kernels::PadMode padding) {
  Span in{out.first * axis.stride - axis.pad,
          out.last * axis.stride - axis.pad + axis.extent() - 1};
  if (padding == kernels::PadMode::kEdge) {
    return {std::clamp<std::int64_t>(in.first, 0, extent - 1),
            std::clamp<std::int64_t>(in.last, 0, extent - 1)};
  }
  if (padding == kernels::PadMode::kReflect) {
    // Rows before the first are the mirror image of those behind it, and likewise at the end.
    const std::int64_t top = in.first < 0 ? -in.first : -1;
    const std::int64_t bottom = in.last >= extent ? 2 * (extent - 1) - in.last : extent;
    const std::int64_t least = in.last < 0 ? -in.last : in.first;
    const std::int64_t most = in.first >= extent ? 2 * (extent - 1) - in.first : in.last;
    in = {std::min(least, bottom), std::max(most, top)};
  }
  return clipped(in, extent);
}

Span above(const Axis& axis,
           const Span& in,
           std::int64_t in_extent,
           std::int64_t extent,
           kernels::PadMode padding) {
  // Unit i reads i s - p to i s - p + k - 1.
  Span out{ceiling_div(in.first + axis.pad - axis.extent() + 1, axis.stride),
           floor_div(in.last + axis.pad, axis.stride)};
  if (padding == kernels::PadMode::kEdge) {
    if (in.first == 0) out.first = 0;
    if (in.last == in_extent - 1) out.last = extent - 1;
  }
  if (padding == kernels::PadMode::kReflect) {
    // Row r shows again at -r and at 2 (extent - 1) - r, when the padding reaches that far.
    const std::int64_t pad_after = extent - in_extent - axis.pad;
    const std::int64_t first = std::max<std::int64_t>(in.first, 1);
    const std::int64_t last = std::min(in.last, in_extent - 2);
    if (first <= in.last && first <= axis.pad) {
      out.first = std::min(out.first, axis.pad - std::min(in.last, axis.pad));
    }
    if (last >= in.first && in_extent - 1 - last <= pad_after) {
      const std::int64_t nearest = std::max(in.first, in_extent - 1 - pad_after);
      out.last = std::max(out.last, 2 * (in_extent - 1) - nearest + axis.pad);
    }
  }
  return clipped(out, extent);
}

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

}  // namespace

std::vector<Fields> receptive_fields(const Graph& graph) {
  std::vector<Fields> all;
  for (const Node& node : graph.nodes()) {
    Fields fields;
    const NodeId* widest = nullptr;
    const auto whole = [&](NodeId input) {
      return graph.node(input).shape.plane() >= node.shape.plane();
    };
    // A gate of one value a map tells no place.
    const bool gated = node.inputs.size() > 1 && std::ranges::any_of(node.inputs, whole);
    for (const NodeId& input : node.inputs) {
      const Fields& f = all[static_cast<std::size_t>(input)];
      if (gated && !whole(input)) continue;
      if (widest != nullptr &&
          !(f.rows.size * f.columns.size > fields.rows.size * fields.columns.size))
        continue;
      fields = f;
      widest = &input;
    }
    if (widest != nullptr) {
      const Shape& in = graph.node(*widest).shape;
      const Window w = node.layer->window();
      // The statistics of a normalisation tell no place.
      const bool global = sees_all(*node.layer) && node.layer->kind() != LayerKind::kGroupNorm;
      pass(fields.rows, global ? Axis{in.h, 1, 0, 1} : row_axis(w));
      pass(fields.columns, global ? Axis{in.w, 1, 0, 1} : column_axis(w));
    }
    all.push_back(fields);
  }
  return all;
}

Region whole_region(const Shape& shape) { return {{0, shape.h - 1}, {0, shape.w - 1}}; }

Region input_region(const Layer& layer, const Region& out, const Shape& in) {
  if (out.empty()) return {};
  if (sees_all(layer)) return whole_region(in);
  const Window w = layer.window();
  const kernels::PadMode padding = padding_of(layer);
  Region region{below(row_axis(w), out.rows, in.h, padding),
                below(column_axis(w), out.columns, in.w, padding)};
  if (layer.kind() == LayerKind::kElementwise) {  // one row may stand for all
    if (in.h == 1) region.rows = {0, 0};
    if (in.w == 1) region.columns = {0, 0};
  }
  return region;
}

Region output_region(const Layer& layer,
                     const Region& in,
                     const Shape& in_shape,
                     const Shape& out) {
  if (in.empty()) return {};
  if (sees_all(layer)) return whole_region(out);
  const Window w = layer.window();
  const kernels::PadMode padding = padding_of(layer);
  Region region{above(row_axis(w), in.rows, in_shape.h, out.h, padding),
                above(column_axis(w), in.columns, in_shape.w, out.w, padding)};
  if (layer.kind() == LayerKind::kElementwise) {
    if (in_shape.h == 1) region.rows = {0, out.h - 1};
    if (in_shape.w == 1) region.columns = {0, out.w - 1};
  }
  return region;
}

Region region_below(const Graph& graph,
                    std::span<const Shape> shapes,
                    NodeId from,
                    const Region& region,
                    NodeId to) {
  check(from >= 0 && from < graph.size() && to >= 0 && to < graph.size(), "region of no node");
  std::vector<Region> regions(static_cast<std::size_t>(graph.size()));
  regions[static_cast<std::size_t>(from)] = region;
  for (NodeId id = from; id > to; --id) {
    const Node& node = graph.node(id);
    const Region& out = regions[static_cast<std::size_t>(id)];
    for (const NodeId input : node.inputs) {
      const auto i = static_cast<std::size_t>(input);
      unite(regions[i], input_region(*node.layer, out, shapes[i]));
    }
  }
  return to > from ? Region{} : regions[static_cast<std::size_t>(to)];
}

Region region_above(const Graph& graph,
                    std::span<const Shape> shapes,
                    NodeId from,
                    const Region& region,
                    NodeId to) {
  check(from >= 0 && from < graph.size() && to >= 0 && to < graph.size(), "region of no node");
  std::vector<Region> regions(static_cast<std::size_t>(graph.size()));
  regions[static_cast<std::size_t>(from)] = region;
  for (NodeId id = from + 1; id <= to; ++id) {
    const Node& node = graph.node(id);
    const auto o = static_cast<std::size_t>(id);
    for (const NodeId input : node.inputs) {
      const auto i = static_cast<std::size_t>(input);
      unite(regions[o], output_region(*node.layer, regions[i], shapes[i], shapes[o]));
    }
  }
  return regions[static_cast<std::size_t>(to)];
}

}  // namespace cutaway
