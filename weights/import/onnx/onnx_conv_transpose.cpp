#include <algorithm>

#include "layers/conv_transpose.h"
#include "layers/slice.h"
#include "weights/import/onnx/onnx_operators.h"
#include "weights/import/onnx/onnx_windows.h"

namespace cutaway::weights::onnx {
namespace {

/// One axis of a transposed convolution: what the layer does, and what is cut off behind it.
struct Axis {
  std::int64_t pad{0}, extra{0}, cut_before{0}, cut_behind{0};
};

Axis axis_of(const Windowing& g,
             std::size_t axis,
             std::int64_t extent,
             const Padding& pads,
             std::int64_t extra,
             std::int64_t wanted,
             const std::string& mode) {
  const std::int64_t full =
      (extent - 1) * g.stride[axis] + g.dilation[axis] * (g.kernel[axis] - 1) + 1 + extra;
  Padding p = pads;
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (same && wanted == 0) wanted = extent * g.stride[axis];
  if (wanted > 0) {
    const std::int64_t total = full - wanted;
    if (total < 0) throw Unsupported{"to more than the windows reach"};
    p.before = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    p.behind = total - p.before;
  } else if (mode == "VALID") {
    p = {};
  }
  if (p.before + p.behind >= full) throw Unsupported{"with padding that leaves nothing"};
  const std::int64_t both = std::min(p.before, p.behind);
  return {both, extra, p.before - both, p.behind - both};
}

}  // namespace

void conv_transpose(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Tensor* w = b.constant(node, 1);
  if (x.rank != 4 || w == nullptr || w->extents.size() != 4)
    throw Unsupported{"that is not two-dimensional"};
  const std::int64_t group = integer_of(node, "group", 1);
  if (group < 1 || group > (1 << 15)) throw Unsupported{"with group " + std::to_string(group)};
  const std::int64_t channels = channels_of(w->extents, 1) * group;
  const Shape& s = b.shape_of(x.node);
  // Its SAME is about the output: the padding of the input is not asked.
  Node explicit_pads = node;
  explicit_pads.attributes.erase("auto_pad");
  const Windowing g = windowing(explicit_pads, s, {w->extents[2], w->extents[3]});
  const std::string mode = text_of(node, "auto_pad", "NOTSET");
  const auto extra = pair_of(node, "output_padding", {0, 0});
  const auto wanted = pair_of(node, "output_shape", {0, 0});
  const Axis rows = axis_of(g, 0, s.h, g.h, extra[0], wanted[0], mode);
  const Axis columns = axis_of(g, 1, s.w, g.w, extra[1], wanted[1], mode);
  const kernels::ConvGeometry geometry{small(g.kernel[0], "kernel"),
                                       small(g.kernel[1], "kernel"),
                                       small(g.stride[0], "stride"),
                                       small(g.stride[1], "stride"),
                                       small(rows.pad, "padding"),
                                       small(columns.pad, "padding"),
                                       small(g.dilation[0], "dilation"),
                                       small(g.dilation[1], "dilation"),
                                       small(group, "group")};
  const bool cuts = rows.cut_before + rows.cut_behind + columns.cut_before + columns.cut_behind > 0;
  const Tensor* bias = b.constant(node, 2);
  if (bias == nullptr && !cuts) bias = b.absorb_bias(node, channels, 4);
  NodeId id = b.add(node,
                    std::make_shared<ConvTranspose>(channels, geometry, rows.extra, columns.extra,
                                                    bias != nullptr),
                    {x.node}, cuts ? ".whole" : "");
  b.bind(id, 0, *w);
  if (bias != nullptr) b.bind(id, 1, *bias, {}, {{channels, 1, 1}});
  if (cuts) {
    const Shape& y = b.shape_of(id);
    const SliceRange h{rows.cut_before, y.h - rows.cut_before - rows.cut_behind, 1};
    const SliceRange v{columns.cut_before, y.w - columns.cut_before - columns.cut_behind, 1};
    id = b.add(node, std::make_shared<Slice>(SliceRange{}, h, v), {id});
  }
  b.define(node, {id, 4});
}

}  // namespace cutaway::weights::onnx
