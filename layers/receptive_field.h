#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/graph.h"

/// Which part of an image a unit can see, and which units can see a part of the image.
namespace cutaway {

/// Receptive field along one axis, in pixels of the network's input: its size, the distance between
/// the fields of neighbouring units, and the centre of the field of unit 0 (pixel 0 has its centre
/// at 0). Borders are not considered, so a field may be larger than the image.
struct Field {
  double size{1.0}, jump{1.0}, center{0.0};
};
struct Fields {
  Field rows, columns;
};

/// Fields of every node: through a window of extent k (dilation included), stride s and padding p,
///   size += (k - 1) jump,  center += ((k - 1) / 2 - p) jump,  jump *= s.
/// Where several paths lead to the input, the one with the largest field counts; a path whose plane
/// is broadcast (the gate of a squeeze-and-excitation block) does not. Layers that see the whole
/// plane (global pooling, fully connected, flattening) have k = the plane and s = 1; what a group
/// normalisation takes of the plane, its statistics, does not count.
[[nodiscard]] std::vector<Fields> receptive_fields(const Graph& graph);

/// Rows (or columns) first to last, both included; empty when last < first.
struct Span {
  std::int64_t first{0}, last{-1};

  [[nodiscard]] bool empty() const noexcept { return last < first; }
  [[nodiscard]] std::int64_t size() const noexcept { return empty() ? 0 : last - first + 1; }
  friend bool operator==(const Span&, const Span&) = default;
};
struct Region {
  Span rows, columns;

  [[nodiscard]] bool empty() const noexcept { return rows.empty() || columns.empty(); }
  friend bool operator==(const Region&, const Region&) = default;
};

/// All of a plane.
[[nodiscard]] Region whole_region(const Shape& shape);

/// The part of a layer's input that the units `out` of its output read: lo s - p to hi s - p + k -
/// 1, clipped to the plane of `in` (empty when they read padding only). Where windows have gaps
/// (dilation, strides beyond the kernel) the rectangle covers them too.
[[nodiscard]] Region input_region(const Layer& layer, const Region& out, const Shape& in);
/// The units of a layer's output whose windows overlap `in`, clipped to the plane of `out`; the
/// other direction of input_region.
[[nodiscard]] Region output_region(const Layer& layer,
                                   const Region& in,
                                   const Shape& in_shape,
                                   const Shape& out);

/// The part of the output of `to` that the units `region` of `from` depend on, clipped after every
/// layer, the union over all paths. `shapes` are those of Graph::infer. Empty when `to` is not
/// below `from`.
[[nodiscard]] Region region_below(const Graph& graph,
                                  std::span<const Shape> shapes,
                                  NodeId from,
                                  const Region& region,
                                  NodeId to = 0);
/// The units of `to` that depend on the part `region` of the output of `from`: what must be
/// computed anew when that part changes.
[[nodiscard]] Region region_above(const Graph& graph,
                                  std::span<const Shape> shapes,
                                  NodeId from,
                                  const Region& region,
                                  NodeId to);

}  // namespace cutaway
