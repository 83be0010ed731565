#include <algorithm>

#include "layers/add.h"
#include "layers/average_pool.h"
#include "layers/concat.h"
#include "layers/elementwise.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/rearrange.h"
#include "layers/resize.h"
#include "layers/slice.h"
#include "weights/import/average_windows.h"
#include "weights/import/keras/keras_layers.h"
#include "weights/import/keras/keras_windows.h"

// Keras' layers without weights: pooling, joining, other extents.
namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostExtents = 1 << 24;

}  // namespace

bool KerasBuilder::is_channel_axis(std::int64_t axis, NodeId in) const {
  if (vectors_.contains(in)) return axis == 1 || axis == -1;
  return last_ ? axis == 3 || axis == -1 : axis == 1 || axis == -3;
}

// --- pooling, padding, flattening, joining
// ---------------------------------------------------------

NodeId KerasBuilder::pool(const KerasLayer& layer, const Inputs& in) {
  const bool maximum = layer.type == "MaxPooling2D";
  const Shape x = graph_.node(in[0]).shape;
  const auto [kernel_h, kernel_w] = pair("pool_size", 2);
  const bool own = setting("strides") != nullptr;
  const auto [stride_h, stride_w] = own ? pair("strides", 2) : std::pair{kernel_h, kernel_w};
  const std::string padding =
      text(layer.config->contains("border_mode") ? "border_mode" : "padding", "valid");
  require_format(layer);
  kernels::PoolGeometry g{kernel_h, kernel_w, stride_h, stride_w, 0, 0};
  const auto make = [&](bool ceil_mode) -> LayerPtr {
    if (maximum) return std::make_shared<MaxPool>(g, ceil_mode);
    return std::make_shared<AveragePool>(g, ceil_mode, false);  // TensorFlow counts no padding
  };
  if (padding == "valid") return add(layer.node, make(false), {in[0]});
  if (padding != "same") complain("padding " + padding);
  const Same rows = same_padding(x.h, kernel_h, stride_h, 1);
  const Same columns = same_padding(x.w, kernel_w, stride_w, 1);
  g.pad_h = static_cast<std::int32_t>(rows.before);
  g.pad_w = static_cast<std::int32_t>(columns.before);
  // Padding takes no part in pooling, so its far side is only a matter of how many windows there
  // are.
  const bool reaches = x.h + 2 * g.pad_h >= kernel_h && x.w + 2 * g.pad_w >= kernel_w;
  for (const bool ceil_mode : {false, true}) {
    if (!reaches) break;  // the far side of the padding fills the only window
    const Shape y = pooled_shape(x, g, ceil_mode);
    if (y.h == rows.outputs && y.w == columns.outputs)
      return add(layer.node, make(ceil_mode), {in[0]});
  }
  if (!maximum) {
    return mean_of_uneven_windows(layer, in[0], g, rows, columns);
  }
  // A window that reaches beyond the edge has the edge in it, so once more changes no maximum.
  const NodeId padded = add(layer.node + "_pad",
                            std::make_shared<Pad>(rows.before, rows.after, columns.before,
                                                  columns.after, kernels::PadMode::kEdge),
                            {in[0]});
  g.pad_h = g.pad_w = 0;
  return add(layer.node, make(false), {padded});
}

NodeId KerasBuilder::global_pool(const KerasLayer& layer, const Inputs& in) {
  require_format(layer);
  const bool keeps_maps = flag("keepdims", false);
  LayerPtr made = std::make_shared<GlobalMaxPool>();
  if (layer.type == "GlobalAveragePooling2D") made = std::make_shared<GlobalAveragePool>();
  const NodeId node = add(layer.node, std::move(made), {in[0]});
  if (!keeps_maps) vectors_.insert(node);
  return node;
}

NodeId KerasBuilder::zero_padding(const KerasLayer& layer, const Inputs& in) {
  require_format(layer);
  const auto at = sides("padding", 1);
  if (!at) return in[0];
  return add(layer.node,
             std::make_shared<Pad>((*at)[0], (*at)[1], (*at)[2], (*at)[3], kernels::PadMode::kZero),
             {in[0]});
}

NodeId KerasBuilder::flatten(const KerasLayer& layer, const Inputs& in) {
  const Shape x = graph_.node(in[0]).shape;
  // Keras flattens H, W, C: where the data are so, and also where they are not, if the layer knows
  // of it.
  const bool told = layer.config->contains("data_format") && !channels_last(layer);
  const NodeId node = add(layer.node, std::make_shared<Flatten>(), {in[0]});
  vectors_.insert(node);
  if ((last_ || told) && x.plane() > 1 && x.c > 1) hwc_[node] = {x.h, x.w, x.c};
  return node;
}

NodeId KerasBuilder::join(const KerasLayer& layer, const Inputs& in) {
  if (layer.type == "Add") {
    const bool alike = std::all_of(in.begin(), in.end(), [&](NodeId i) {
      return graph_.node(i).shape == graph_.node(in[0]).shape;
    });
    return alike ? add(layer.node, std::make_shared<Add>(), in) : elementwise(layer, in);
  }
  if (!is_channel_axis(axis(-1), in[0]))
    complain("concatenation along another axis than the channels");
  return add(layer.node, std::make_shared<Concat>(), in);
}

NodeId KerasBuilder::average(const KerasLayer& layer, const Inputs& in) {
  const NodeId sum = add(layer.node + "_sum", std::make_shared<Add>(), in);
  return affine(layer.node, sum, {1.0F / static_cast<float>(in.size())}, {0.0F});
}

NodeId KerasBuilder::elementwise(const KerasLayer& layer, const Inputs& in) {
  using kernels::BinaryOp;
  const BinaryOp op = layer.type == "Multiply"   ? BinaryOp::kMultiply
                      : layer.type == "Subtract" ? BinaryOp::kSubtract
                      : layer.type == "Maximum"  ? BinaryOp::kMaximum
                      : layer.type == "Minimum"  ? BinaryOp::kMinimum
                                                 : BinaryOp::kAdd;
  if (in.size() < 2) complain("an operation of one value");
  NodeId result = in[0];
  for (std::size_t i = 1; i < in.size(); ++i) {
    if (vectors_.contains(result) != vectors_.contains(in[i]))
      complain("vectors and maps together");
    const bool last = i + 1 == in.size();
    result = add(layer.node + (last ? "" : "_" + std::to_string(i)),
                 std::make_shared<Elementwise>(op), {result, in[i]});
  }
  return result;
}

// --- other extents
// ---------------------------------------------------------------------------------

std::optional<std::array<std::int64_t, 4>> KerasBuilder::sides(const char* name,
                                                               std::int64_t otherwise) {
  const Json* at = setting(name);
  const auto number_at = [](const Json& v) {
    return v.is_number_integer() && v.get<std::int64_t>() >= 0 &&
                   v.get<std::int64_t>() <= kMostWindow
               ? v.get<std::int64_t>()
               : std::int64_t{-1};
  };
  std::array<std::int64_t, 4> result{};
  result.fill(otherwise);
  if (at != nullptr && at->is_array() && at->size() == 2) {
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const Json& side = (*at)[axis];
      const bool both = side.is_array() && side.size() == 2;
      result[2 * axis] = number_at(both ? side[0] : side);
      result[2 * axis + 1] = number_at(both ? side[1] : side);
    }
  } else if (at != nullptr) {
    result.fill(number_at(*at));
  }
  if (*std::min_element(result.begin(), result.end()) >= 0) return result;
  complain(std::string(name) + " of this form");
  return std::nullopt;
}

NodeId KerasBuilder::cropping(const KerasLayer& layer, const Inputs& in) {
  require_format(layer);
  const Shape x = graph_.node(in[0]).shape;
  const auto at = sides("cropping", 0);
  if (!at) return in[0];
  const SliceRange h{(*at)[0], x.h - (*at)[0] - (*at)[1], 1};
  const SliceRange w{(*at)[2], x.w - (*at)[2] - (*at)[3], 1};
  if (h.count < 1 || w.count < 1) {
    complain("nothing is left");
    return in[0];
  }
  return add(layer.node, std::make_shared<Slice>(SliceRange{}, h, w), {in[0]});
}

NodeId KerasBuilder::up_sampling(const KerasLayer& layer, const Inputs& in) {
  require_format(layer);
  const auto size = pair("size", 2);
  const std::string kind = text("interpolation", "nearest");
  if (kind != "nearest" && kind != "bilinear") complain("interpolation " + kind);
  ResizeLayer::Target target;
  target.scale_h = size.first;
  target.scale_w = size.second;
  const bool linear = kind == "bilinear";
  return add(
      layer.node,
      std::make_shared<ResizeLayer>(
          target, linear ? kernels::Interpolation::kLinear : kernels::Interpolation::kFloor,
          linear ? ResizeLayer::Coordinates::kHalfPixel : ResizeLayer::Coordinates::kAsymmetric),
      {in[0]});
}

NodeId KerasBuilder::permute(const KerasLayer& layer, const Inputs& in) {
  const Json* at = setting("dims");
  std::string letters;  // for channels, rows, columns: Keras counts rows, columns, channels from 1
  const std::size_t axes[3] = {last_ ? 2U : 0U, last_ ? 0U : 1U, last_ ? 1U : 2U};
  const std::string names = last_ ? "hwc" : "chw";
  for (const std::size_t axis : axes) {
    const bool fits = at != nullptr && at->is_array() && at->size() == 3 &&
                      (*at)[axis].is_number_integer() && (*at)[axis].get<std::int64_t>() >= 1 &&
                      (*at)[axis].get<std::int64_t>() <= 3;
    if (fits) letters += names[(*at)[axis].get<std::size_t>() - 1];
  }
  if (letters.size() != 3 || vectors_.contains(in[0])) {
    complain("a permutation of other axes than rows, columns and channels");
    return in[0];
  }
  return add(layer.node, std::make_shared<Rearrange>(Rearrange::transpose(letters)), {in[0]});
}

NodeId KerasBuilder::reshape(const KerasLayer& layer, const Inputs& in) {
  const Shape x = graph_.node(in[0]).shape;
  const Json* at = setting("target_shape");
  std::vector<std::int64_t> to;
  std::int64_t known = 1, open = 0;
  for (const Json& v : at != nullptr && at->is_array() ? *at : Json::array()) {
    to.push_back(v.is_number_integer() ? v.get<std::int64_t>() : 0);
    if (to.back() == -1) {
      ++open;
    } else if (to.back() < 1 || to.back() > kMostExtents || (known *= to.back()) > kMostExtents) {
      to.push_back(0);
      break;
    }
  }
  const std::int64_t all = x.c * x.plane();
  for (std::int64_t& e : to) e = e == -1 && known > 0 ? all / known : e;
  std::int64_t product = 1;
  for (const std::int64_t e : to) product *= e;
  if (open > 1 || product != all || (to.size() != 1 && to.size() != 3)) {
    complain("a target_shape that is neither one of vectors nor one of maps");
    return in[0];
  }
  if (to.size() == 1) return vectors_.contains(in[0]) ? nothing(layer, in) : flatten(layer, in);
  const Shape y = last_ ? Shape{1, to[2], to[0], to[1]} : Shape{1, to[0], to[1], to[2]};
  return reshape_to(layer, in[0], y);
}

NodeId KerasBuilder::reshape_to(const KerasLayer& layer, NodeId in, const Shape& y) {
  const Shape x = graph_.node(in).shape;
  const auto step = [&](Rearrange made, NodeId from, const char* suffix) {
    const NodeId node =
        add(layer.node + suffix, std::make_shared<Rearrange>(std::move(made)), {from});
    vectors_.erase(node);  // maps now
    return node;
  };
  const auto marked = hwc_.find(in);
  if (marked != hwc_.end()) {
    // C, H, W is how the vector is stored here: the same maps come back as they were.
    if (marked->second == std::array<std::int64_t, 3>{y.h, y.w, y.c})
      return graph_.add(layer.node, std::make_shared<Rearrange>(Rearrange::reshape(y.c, y.h, y.w)),
                        {in});
    complain("flattened maps reshaped to maps of other extents");
    return in;
  }
  if (x == y) {
    const NodeId node = nothing(layer, {in});
    vectors_.erase(node);
    return node;
  }
  if (!last_) return step(Rearrange::reshape(y.c, y.h, y.w), in, "");
  NodeId from = in;
  if (x.plane() > 1 && x.c > 1) from = step(Rearrange::transpose("hwc"), from, "_rows_first");
  if (y.plane() == 1 || y.c == 1) return step(Rearrange::reshape(y.c, y.h, y.w), from, "");
  from = step(Rearrange::reshape(y.h, y.w, y.c), from, "_reshaped");
  return step(Rearrange::transpose("wch"), from, "");
}

NodeId KerasBuilder::mean_of_uneven_windows(const KerasLayer& layer,
                                            NodeId in,
                                            const kernels::PoolGeometry& g,
                                            const Same& h,
                                            const Same& w) {
  const Shape x = graph_.node(in).shape;
  const PooledAxis rows =
      pooled_axis(x.h, g.kernel_h, g.stride_h, h.before, h.after, h.outputs, false);
  const PooledAxis columns =
      pooled_axis(x.w, g.kernel_w, g.stride_w, w.before, w.after, w.outputs, false);
  const std::vector<float> factors = mean_corrections(rows, columns, g.kernel_h, g.kernel_w);
  // "Same" windows end where the padding does.
  NodeId node =
      add(layer.node + "_pad",
          std::make_shared<Pad>(rows.before, std::max<std::int64_t>(rows.behind, 0), columns.before,
                                std::max<std::int64_t>(columns.behind, 0), kernels::PadMode::kZero),
          {in});
  const kernels::PoolGeometry whole{g.kernel_h, g.kernel_w, g.stride_h, g.stride_w, 0, 0};
  node = add(layer.node + (factors.empty() ? "" : "_mean"),
             std::make_shared<AveragePool>(whole, false, false), {node});
  if (factors.empty()) return node;
  const Shape places{1, 1, h.outputs, w.outputs};
  node =
      add(layer.node, std::make_shared<Elementwise>(kernels::BinaryOp::kMultiply, places), {node});
  take(node, 0, "mean of fewer values", 0).values = factors;
  return node;
}

}  // namespace cutaway::weights
