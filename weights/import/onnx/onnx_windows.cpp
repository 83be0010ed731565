#include <algorithm>
#include <cmath>

#include "layers/average_pool.h"
#include "layers/conv.h"
#include "layers/elementwise.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/slice.h"
#include "weights/import/average_windows.h"
#include "weights/import/onnx/onnx_operators.h"
#include "weights/import/onnx/onnx_windows.h"

// ONNX's operators with windows: convolution, pooling, padding.
namespace cutaway::weights::onnx {
namespace {

constexpr std::int64_t kMostGeometry = 1 << 15;

}  // namespace

std::int32_t small(std::int64_t value, const char* what) {
  if (value < 0 || value > kMostGeometry)
    throw Unsupported{"with " + std::string(what) + " " + std::to_string(value)};
  return static_cast<std::int32_t>(value);
}

std::vector<std::int64_t> pair_of(const Node& node,
                                  const char* name,
                                  std::vector<std::int64_t> otherwise) {
  std::vector<std::int64_t> values = integers_of(node, name, std::move(otherwise));
  if (values.size() != 2)
    throw Unsupported{"with " + std::string(name) + " that are not 2 numbers"};
  for (const std::int64_t v : values) (void)small(v, name);
  return values;
}

namespace {

// auto_pad = SAME_*: output extent ceil(extent / stride); the odd pixel goes behind (UPPER) or
// before (LOWER).
Padding same_padding(std::int64_t extent, std::int64_t window, std::int64_t stride, bool upper) {
  const std::int64_t out = (extent + stride - 1) / stride;
  const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * stride + window - extent);
  const std::int64_t less = total / 2;
  return upper ? Padding{less, total - less} : Padding{total - less, less};
}

}  // namespace

Windowing windowing(const Node& node, const Shape& x, std::vector<std::int64_t> kernel) {
  Windowing g;
  g.kernel = pair_of(node, "kernel_shape", std::move(kernel));
  g.stride = pair_of(node, "strides", {1, 1});
  g.dilation = pair_of(node, "dilations", {1, 1});
  for (const auto* v : {&g.kernel, &g.stride, &g.dilation}) {
    if ((*v)[0] < 1 || (*v)[1] < 1) throw Unsupported{"with a kernel, stride or dilation of 0"};
  }
  const std::string mode = text_of(node, "auto_pad", "NOTSET");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const auto window = [&](std::size_t i) { return g.dilation[i] * (g.kernel[i] - 1) + 1; };
    g.h = same_padding(x.h, window(0), g.stride[0], mode == "SAME_UPPER");
    g.w = same_padding(x.w, window(1), g.stride[1], mode == "SAME_UPPER");
  } else if (mode == "NOTSET" || mode == "VALID") {
    const std::vector<std::int64_t> pads = integers_of(node, "pads", {0, 0, 0, 0});
    if (pads.size() != 4) throw Unsupported{"with pads that are not 4 numbers"};
    for (const std::int64_t p : pads) (void)small(p, "padding");
    if (mode == "NOTSET") {
      g.h = {pads[0], pads[2]};
      g.w = {pads[1], pads[3]};
    }
  } else {
    throw Unsupported{"with auto_pad " + mode};
  }
  return g;
}

namespace {

/// Writes the padding as a layer of its own, where a layer's own cannot say it.
NodeId padded(Builder& b,
              const Node& node,
              NodeId from,
              Windowing& g,
              kernels::PadMode mode = kernels::PadMode::kZero) {
  if (g.h.before == g.h.behind && g.w.before == g.w.behind) return from;
  const auto layer = std::make_shared<Pad>(g.h.before, g.h.behind, g.w.before, g.w.behind, mode);
  g.h = g.w = {};
  return b.add(node, layer, {from}, ".pad");
}

}  // namespace

void conv(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Tensor* w = b.constant(node, 1);
  if (w == nullptr || w->extents.size() != 4) throw Unsupported{"that is not two-dimensional"};
  const std::int64_t channels = channels_of(w->extents, 0);
  Windowing g = windowing(node, b.shape_of(x.node), {w->extents[2], w->extents[3]});
  const NodeId from = padded(b, node, x.node, g);
  const Tensor* bias = b.constant(node, 2);
  if (bias == nullptr) bias = b.absorb_bias(node, channels, 4);
  const kernels::ConvGeometry geometry{small(g.kernel[0], "kernel"),
                                       small(g.kernel[1], "kernel"),
                                       small(g.stride[0], "stride"),
                                       small(g.stride[1], "stride"),
                                       small(g.h.before, "padding"),
                                       small(g.w.before, "padding"),
                                       small(g.dilation[0], "dilation"),
                                       small(g.dilation[1], "dilation"),
                                       small(integer_of(node, "group", 1), "group")};
  const NodeId id =
      b.add(node, std::make_shared<Conv>(channels, geometry, bias != nullptr), {from});
  b.bind(id, 0, *w);
  if (bias != nullptr) b.bind(id, 1, *bias, {}, {{channels, 1, 1}});
  b.define(node, {id, 4});
}

namespace {

bool reaches(std::int64_t extent,
             std::int64_t kernel,
             std::int64_t stride,
             std::int64_t pad,
             std::int64_t wanted,
             bool ceil) {
  return kernels::pooled_extent(extent, kernel, stride, pad, ceil) == wanted;
}

/// Windows along one axis: those that would begin behind the last pixel are left out, as ONNX has
/// it.
std::int64_t windows(
    const Windowing& g, std::int64_t extent, const Padding& p, std::size_t axis, bool ceil) {
  const std::int64_t span = extent + p.before + p.behind - g.kernel[axis];
  if (span < 0) return 0;
  std::int64_t out =
      (ceil ? (span + g.stride[axis] - 1) / g.stride[axis] : span / g.stride[axis]) + 1;
  if (ceil && (out - 1) * g.stride[axis] >= extent + p.before) --out;
  return out;
}

/// How to round to get as many windows, h and w, with the padding before alone; false when neither
/// way does.
bool choose_rounding(const Windowing& g,
                     const Shape& x,
                     std::int64_t h,
                     std::int64_t w,
                     bool ceil,
                     bool& rounds_up) {
  // Padding behind alone may fill the only window, which the layer's own cannot.
  if (x.h + 2 * g.h.before < g.kernel[0] || x.w + 2 * g.w.before < g.kernel[1]) return false;
  for (const bool up : {ceil, !ceil}) {
    if (reaches(x.h, g.kernel[0], g.stride[0], g.h.before, h, up) &&
        reaches(x.w, g.kernel[1], g.stride[1], g.w.before, w, up)) {
      rounds_up = up;
      return true;
    }
  }
  return false;
}

kernels::PoolGeometry pool_geometry_of(const Windowing& g) {
  if (g.dilation[0] != 1 || g.dilation[1] != 1) throw Unsupported{"with dilations"};
  return {small(g.kernel[0], "kernel"), small(g.kernel[1], "kernel"), small(g.stride[0], "stride"),
          small(g.stride[1], "stride"), small(g.h.before, "padding"), small(g.w.before, "padding")};
}

/// Every window has at least one pixel of the picture in it.
bool all_windows_see(const Windowing& g, const Shape& x, std::int64_t h, std::int64_t w) {
  return g.h.before < g.kernel[0] && g.w.before < g.kernel[1] &&
         (h - 1) * g.stride[0] < x.h + g.h.before && (w - 1) * g.stride[1] < x.w + g.w.before;
}

/// Padding on each side, and rows and columns left out where it is negative.
NodeId surrounded(Builder& b,
                  const Node& node,
                  NodeId from,
                  const PooledAxis& rows,
                  const PooledAxis& columns,
                  kernels::PadMode mode) {
  const Shape s = b.shape_of(from);
  if (rows.behind < 0 || columns.behind < 0) {
    const SliceRange h{0, s.h + std::min<std::int64_t>(rows.behind, 0), 1};
    const SliceRange w{0, s.w + std::min<std::int64_t>(columns.behind, 0), 1};
    from = b.add(node, std::make_shared<Slice>(SliceRange{}, h, w), {from}, ".cut");
  }
  const std::int64_t below = std::max<std::int64_t>(rows.behind, 0);
  const std::int64_t right = std::max<std::int64_t>(columns.behind, 0);
  if (rows.before == 0 && columns.before == 0 && below == 0 && right == 0) return from;
  return b.add(node, std::make_shared<Pad>(rows.before, below, columns.before, right, mode), {from},
               ".pad");
}

/// A maximum over rows, then over columns: for windows of more positions than a switch can tell.
NodeId max_pool_layers(
    Builder& b, const Node& node, NodeId from, const kernels::PoolGeometry& g, bool ceil) {
  constexpr std::int32_t kMostPositions = 256;
  if (g.kernel_h * g.kernel_w <= kMostPositions)
    return b.add(node, std::make_shared<MaxPool>(g, ceil), {from});
  if (std::max(g.kernel_h, g.kernel_w) > kMostPositions)
    throw Unsupported{"with windows of more than 256 rows or columns"};
  const kernels::PoolGeometry rows{g.kernel_h, 1, g.stride_h, 1, g.pad_h, 0};
  const kernels::PoolGeometry columns{1, g.kernel_w, 1, g.stride_w, 0, g.pad_w};
  const NodeId tall = b.add(node, std::make_shared<MaxPool>(rows, ceil), {from}, ".rows");
  return b.add(node, std::make_shared<MaxPool>(columns, ceil), {tall});
}

}  // namespace

void max_pool(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  if (x.rank != 4) throw Unsupported{"of other things than maps"};
  const Shape s = b.shape_of(x.node);
  Windowing g = windowing(node, s, {});
  (void)pool_geometry_of(g);
  bool ceil = integer_of(node, "ceil_mode", 0) != 0;
  NodeId from = x.node;
  const std::int64_t h = windows(g, s.h, g.h, 0, ceil), w = windows(g, s.w, g.w, 1, ceil);
  const bool whole = g.kernel[0] - g.h.before >= s.h && g.kernel[1] - g.w.before >= s.w;
  if (whole && h == 1 && w == 1 && g.kernel[0] * g.kernel[1] > 256)
    return b.define(node, {b.add(node, std::make_shared<GlobalMaxPool>(), {from}), 4});
  if (!choose_rounding(g, s, h, w, ceil, ceil)) {
    if (h < 1 || w < 1 || !all_windows_see(g, s, h, w))
      throw Unsupported{"with windows in the padding alone"};
    // A window that reaches beyond the edge has the edge in it, so once more changes no maximum.
    from = surrounded(b, node, from,
                      pooled_axis(s.h, g.kernel[0], g.stride[0], g.h.before, g.h.behind, h, false),
                      pooled_axis(s.w, g.kernel[1], g.stride[1], g.w.before, g.w.behind, w, false),
                      kernels::PadMode::kEdge);
    g.h = g.w = {};
    ceil = false;
  }
  b.define(node, {max_pool_layers(b, node, from, pool_geometry_of(g), ceil), 4});
}

void average_pool(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  if (x.rank != 4) throw Unsupported{"of other things than maps"};
  const Shape s = b.shape_of(x.node);
  Windowing g = windowing(node, s, {});
  (void)pool_geometry_of(g);
  const bool counts = integer_of(node, "count_include_pad", 0) != 0;
  bool ceil = integer_of(node, "ceil_mode", 0) != 0;
  const std::int64_t h = windows(g, s.h, g.h, 0, ceil), w = windows(g, s.w, g.w, 1, ceil);
  if (h < 1 || w < 1 || !all_windows_see(g, s, h, w))
    throw Unsupported{"with windows in the padding alone"};
  // The layer's own padding is the same on both sides, and all of it counts, or none.
  const bool even = g.h.before == g.h.behind && g.w.before == g.w.behind;
  if ((even || !counts) && choose_rounding(g, s, h, w, ceil, ceil)) {
    const auto layer = std::make_shared<AveragePool>(pool_geometry_of(g), ceil, counts);
    return b.define(node, {b.add(node, layer, {x.node}), 4});
  }
  const PooledAxis rows =
      pooled_axis(s.h, g.kernel[0], g.stride[0], g.h.before, g.h.behind, h, counts);
  const PooledAxis columns =
      pooled_axis(s.w, g.kernel[1], g.stride[1], g.w.before, g.w.behind, w, counts);
  const std::vector<float> factors = mean_corrections(rows, columns, g.kernel[0], g.kernel[1]);
  const NodeId from = surrounded(b, node, x.node, rows, columns, kernels::PadMode::kZero);
  g.h = g.w = {};
  NodeId id = b.add(node, std::make_shared<AveragePool>(pool_geometry_of(g), false, false), {from},
                    factors.empty() ? "" : ".mean");
  if (!factors.empty()) {
    const auto scale =
        std::make_shared<Elementwise>(kernels::BinaryOp::kMultiply, Shape{1, 1, h, w});
    id = b.add(node, scale, {id});
    b.bind_values(id, 0, factors);
  }
  b.define(node, {id, 4});
}

namespace {

/// Pads before and behind of some axes as those of four.
std::vector<std::int64_t> pads_of_all_axes(const std::vector<std::int64_t>& pads,
                                           const std::vector<std::int64_t>& axes) {
  std::vector<std::int64_t> all(8, 0);
  if (pads.size() != 2 * axes.size()) throw Unsupported{"with pads that are not two an axis"};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = axes[i] < 0 ? axes[i] + 4 : axes[i];
    if (axis < 0 || axis > 3) throw Unsupported{"with an axis that is not there"};
    all[static_cast<std::size_t>(axis)] = pads[i];
    all[static_cast<std::size_t>(axis) + 4] = pads[i + axes.size()];
  }
  return all;
}

}  // namespace

void pad(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  std::vector<std::int64_t> pads = b.integers_or(node, 1, "pads", {});
  const std::string mode = text_of(node, "mode", "constant");
  double value = number_of(node, "value", 0.0);
  if (const Tensor* t = b.constant(node, 2)) value = b.number(*t);
  if (const auto axes = b.integers(node, 3)) pads = pads_of_all_axes(pads, *axes);
  if (x.rank != 4 || pads.size() != 8 || pads[0] != 0 || pads[1] != 0 || pads[4] != 0 ||
      pads[5] != 0) {
    throw Unsupported{"of other axes than rows and columns"};
  }
  if (mode != "reflect" && mode != "edge" && mode != "constant")
    throw Unsupported{"with mode " + mode};
  if (std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p < 0; })) {
    if (std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p > 0; }))
      throw Unsupported{"that adds and takes away"};
    const Shape s = b.shape_of(x.node);
    const SliceRange h{-pads[2], s.h + pads[2] + pads[6], 1},
        w{-pads[3], s.w + pads[3] + pads[7], 1};
    if (h.count < 1 || w.count < 1) throw Unsupported{"that leaves nothing"};
    return b.define(node, {b.add(node, std::make_shared<Slice>(SliceRange{}, h, w), {x.node}), 4});
  }
  if (mode == "constant" && value != 0.0)
    throw Unsupported{"with mode " + mode + ", value " + std::to_string(value)};
  for (const std::int64_t p : pads) (void)small(p, "padding");
  const auto kind = mode == "reflect" ? kernels::PadMode::kReflect
                    : mode == "edge"  ? kernels::PadMode::kEdge
                                      : kernels::PadMode::kZero;
  b.define(
      node,
      {b.add(node, std::make_shared<Pad>(pads[2], pads[6], pads[3], pads[7], kind), {x.node}), 4});
}

}  // namespace cutaway::weights::onnx
