#include <algorithm>

#include "layers/average_pool.h"
#include "layers/conv.h"
#include "layers/global_pool.h"
#include "layers/rearrange.h"
#include "weights/import/onnx/onnx_operators.h"

// ONNX's reductions: over rows and columns they are pooling; over channels, after the channels have
// become a plane.
namespace cutaway::weights::onnx {
namespace {

enum class Reduction : std::uint8_t { kMean, kSum, kMax };

/// Over the whole plane.
NodeId over_plane(Builder& b, const Node& node, NodeId from, Reduction kind) {
  if (kind == Reduction::kMax) return b.add(node, std::make_shared<GlobalMaxPool>(), {from});
  const auto places = static_cast<float>(b.shape_of(from).plane());
  if (kind == Reduction::kMean) return b.add(node, std::make_shared<GlobalAveragePool>(), {from});
  const NodeId mean = b.add(node, std::make_shared<GlobalAveragePool>(), {from}, ".mean");
  return b.add_affine(node, mean, {{places}, {0.0F}});
}

/// Over one axis of the maps, 0 to 2, which stays with an extent of 1: that axis becomes the plane
/// of maps that have the others as channels.
NodeId over_axis(Builder& b, const Node& node, NodeId from, std::size_t axis, Reduction kind) {
  const Shape s = b.shape_of(from);
  const auto step = [&](Rearrange layer, NodeId at, const char* suffix) {
    return b.add(node, std::make_shared<Rearrange>(std::move(layer)), {at}, suffix);
  };
  // The axis last, the others in their order.
  NodeId at = from;
  if (axis == 0) at = step(Rearrange::transpose("hwc"), at, ".turned");
  if (axis == 1) at = step(Rearrange::transpose("cwh"), at, ".turned");
  const std::int64_t extents[3] = {s.c, s.h, s.w};
  at = step(Rearrange::reshape(s.c * s.h * s.w / extents[axis], extents[axis], 1), at, ".rows");
  at = over_plane(b, node, at, kind);
  return step(Rearrange::reshape(axis == 0 ? 1 : s.c, axis == 1 ? 1 : s.h, axis == 2 ? 1 : s.w), at,
              ".back");
}

/// Over one axis of the maps, as simply as it goes.
NodeId over(Builder& b, const Node& node, NodeId from, std::size_t axis, Reduction kind) {
  const Shape s = b.shape_of(from);
  constexpr std::int64_t kMostWindow = 1024;
  if (kind == Reduction::kMean && axis > 0 && std::max(s.h, s.w) <= kMostWindow) {
    const kernels::PoolGeometry g{static_cast<std::int32_t>(axis == 1 ? s.h : 1),
                                  static_cast<std::int32_t>(axis == 2 ? s.w : 1),
                                  1,
                                  1,
                                  0,
                                  0};
    return b.add(node, std::make_shared<AveragePool>(g, false, false), {from});
  }
  if (kind != Reduction::kMax && axis == 0) {
    const kernels::ConvGeometry point{1, 1, 1, 1, 0, 0, 1, 1, 1};
    const NodeId id = b.add(node, std::make_shared<Conv>(1, point, false), {from});
    b.bind_values(id, 0, {kind == Reduction::kSum ? 1.0F : 1.0F / static_cast<float>(s.c)});
    return id;
  }
  return over_axis(b, node, from, axis, kind);
}

void reduce(Builder& b, const Node& node, Reduction kind) {
  Computed x = b.pending(node, 0);
  std::vector<std::int64_t> axes = b.integers_or(node, 1, "axes", {});
  if (axes.empty()) {
    if (integer_of(node, "noop_with_empty_axes", 0) != 0) return b.define(node, x);
    throw Unsupported{"over all axes, the batch among them"};
  }
  const std::vector<std::size_t> places = places_of(axes, x.rank);
  if (places[0] == 0 || x.rank < 2) throw Unsupported{"over the batch"};
  // Rows and columns in one are all of the plane, or must be one axis of the maps.
  if (!x.view.empty()) x = b.computed(node, 0);
  const bool keeps = integer_of(node, "keepdims", 1) != 0;
  Extents e = b.extents_of(x);
  std::vector<std::size_t> maps;  // axes of the maps
  for (const std::size_t p : places) {
    const std::size_t axis = x.order.empty() ? p - 1 : x.order[p - 1];
    maps.push_back(axis);
    if (x.rank == 3 && axis == 1) maps.push_back(2);
    e[p - 1] = 1;
  }
  std::sort(maps.begin(), maps.end());
  NodeId at = x.node;
  const bool rows = std::count(maps.begin(), maps.end(), std::size_t{1}) > 0;
  const bool columns = std::count(maps.begin(), maps.end(), std::size_t{2}) > 0;
  if (rows && columns) at = over_plane(b, node, at, kind);
  if (rows && !columns) at = over(b, node, at, 1, kind);
  if (columns && !rows) at = over(b, node, at, 2, kind);
  if (maps[0] == 0) at = over(b, node, at, 0, kind);
  Computed result = x.at(at);
  if (!keeps) {
    for (std::size_t i = places.size(); i-- > 0;)
      e.erase(e.begin() + static_cast<std::ptrdiff_t>(places[i] - 1));
    if (e.empty()) e = {1};
    // Extents of 1 go wherever they stand, so no order is left over where all others keep theirs.
    result = b.reshaped(node, result, e);
  }
  b.define(node, result);
}

}  // namespace

void reduce_mean(Builder& b, const Node& node) { reduce(b, node, Reduction::kMean); }
void reduce_max(Builder& b, const Node& node) { reduce(b, node, Reduction::kMax); }
void reduce_sum(Builder& b, const Node& node) { reduce(b, node, Reduction::kSum); }

}  // namespace cutaway::weights::onnx
