#include <algorithm>
#include <cmath>

#include "layers/add.h"
#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/clip.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/leaky_relu.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "weights/import/keras/keras_layers.h"

// One function a class of Keras' layers (keras.io/api/layers).
namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostWindow = 1024;

/// TensorFlow's "same": ceil(extent / stride) outputs, the smaller half of the padding first.
struct Same {
  std::int64_t before{0}, after{0}, outputs{0};
};
Same same_padding(std::int64_t extent,
                  std::int64_t kernel,
                  std::int64_t stride,
                  std::int64_t dilation) {
  const std::int64_t span = dilation * (kernel - 1) + 1;
  const std::int64_t outputs = ceil_div(extent, stride);
  const std::int64_t total = std::max<std::int64_t>((outputs - 1) * stride + span - extent, 0);
  return {total / 2, total - total / 2, outputs};
}

kernels::ConvGeometry geometry(const std::pair<std::int32_t, std::int32_t>& kernel,
                               const std::pair<std::int32_t, std::int32_t>& stride,
                               const std::pair<std::int32_t, std::int32_t>& dilation,
                               std::int32_t pad_h,
                               std::int32_t pad_w,
                               std::int64_t groups) {
  return {kernel.first,   kernel.second,   stride.first,
          stride.second,  pad_h,           pad_w,
          dilation.first, dilation.second, static_cast<std::int32_t>(groups)};
}

/// H x W x I x O, and for depthwise kernels H x W x I x multiplier.
Transform kernel_axes(bool depthwise) {
  Transform t;
  t.axes = depthwise ? std::vector<std::size_t>{2, 3, 0, 1} : std::vector<std::size_t>{3, 2, 0, 1};
  return t;
}

}  // namespace

bool KerasBuilder::is_channel_axis(std::int64_t axis, NodeId in) const {
  if (vectors_.contains(in)) return axis == 1 || axis == -1;
  return last_ ? axis == 3 || axis == -1 : axis == 1 || axis == -3;
}

// --- activations
// -----------------------------------------------------------------------------------

/// Null where there is none ("linear") or none of that name, which is a complaint. Keras' softmax
/// runs along the last axis.
LayerPtr KerasBuilder::activation_layer(const std::string& kind, NodeId in) {
  if (kind == "relu") return std::make_shared<Relu>();
  if (kind == "relu6") return std::make_shared<Clip>(0.0, 6.0);
  if (kind == "leaky_relu") return std::make_shared<LeakyRelu>(0.2);
  if (kind == "softmax") {
    if (!is_channel_axis(-1, in))
      complain("activation softmax along another axis than the channels");
    return std::make_shared<Softmax>();
  }
  if (kind != "linear") complain("activation " + kind);
  return nullptr;
}

NodeId KerasBuilder::activation(const KerasLayer& layer, const Inputs& in) {
  LayerPtr made = activation_layer(text("activation", "linear"), in[0]);
  return made == nullptr ? nothing(layer, in) : add(layer.node, std::move(made), {in[0]});
}

NodeId KerasBuilder::inner_activation(const KerasLayer& layer, NodeId in) {
  const std::string kind = text("activation", "linear");
  LayerPtr made = activation_layer(kind, in);
  return made == nullptr ? in : add(layer.node + "_" + kind, std::move(made), {in});
}

NodeId KerasBuilder::softmax(const KerasLayer& layer, const Inputs& in) {
  if (!is_channel_axis(axis(-1), in[0])) complain("softmax along another axis than the channels");
  return add(layer.node, std::make_shared<Softmax>(), {in[0]});
}

NodeId KerasBuilder::relu(const KerasLayer& layer, const Inputs& in) {
  const bool leaky = layer.type == "LeakyReLU";
  const double slope =
      number(layer.config->contains("alpha") ? "alpha" : "negative_slope", leaky ? 0.3 : 0.0);
  const bool bounded = setting("max_value") != nullptr;
  const double most = number("max_value", 0);
  if (number("threshold", 0) != 0) complain("ReLU with a threshold");
  LayerPtr made = std::make_shared<Relu>();
  if (!(slope >= 0 && slope <= 1)) {
    complain("ReLU with a slope outside 0 to 1");
  } else if (bounded && (slope != 0 || !(most > 0))) {
    complain("ReLU with a largest value of " + std::to_string(most) +
             (slope != 0 ? " and a slope" : ""));
  } else if (slope != 0) {
    made = std::make_shared<LeakyRelu>(slope);
  } else if (bounded) {
    made = std::make_shared<Clip>(0.0, most);
  }
  return add(layer.node, std::move(made), {in[0]});
}

// --- layers that do nothing, or little, in evaluation
// ----------------------------------------------

NodeId KerasBuilder::nothing(const KerasLayer& layer, const Inputs& in) {
  return add(layer.node, std::make_shared<Dropout>(0.0F), {in[0]});
}

NodeId KerasBuilder::dropout(const KerasLayer& layer, const Inputs& in) {
  if (layer.type == "SpatialDropout2D") (void)channels_last(layer);
  const double rate = number(layer.config->contains("p") ? "p" : "rate", 0.5);
  return add(layer.node, std::make_shared<Dropout>(static_cast<float>(rate)), {in[0]});
}

NodeId KerasBuilder::affine(const std::string& name,
                            NodeId in,
                            const std::vector<float>& gamma,
                            const std::vector<float>& beta) {
  // Batch normalisation with mean 0 and variance + eps = 1, exact in float32, is a scale and a
  // shift.
  constexpr float kEps = 1.0F / 1024.0F;
  const NodeId node = add(name, std::make_shared<BatchNorm>(double{kEps}), {in});
  take(node, 0, "gamma", 0).values = gamma;
  take(node, 1, "beta", 0).values = beta;
  take(node, 2, "mean", 0).values = {0.0F};
  take(node, 3, "variance", 0).values = {1.0F - kEps};
  return node;
}

NodeId KerasBuilder::rescaling(const KerasLayer& layer, const Inputs& in) {
  const std::int64_t channels = graph_.node(in[0]).shape.c;
  const std::vector<float> scale = numbers("scale", 1.0F, channels);
  const std::vector<float> offset = numbers("offset", 0.0F, channels);
  // A list runs along the last axis.
  if ((scale.size() > 1 || offset.size() > 1) && (!last_ || hwc_.contains(in[0])))
    complain("one scale a channel, of channels that do not come last");
  return affine(layer.node, in[0], scale, offset);
}

NodeId KerasBuilder::normalization(const KerasLayer& layer, const Inputs& in) {
  const std::int64_t channels = graph_.node(in[0]).shape.c;
  if (!is_channel_axis(axis(-1), in[0]) || hwc_.contains(in[0]))
    complain("normalisation along another axis than the channels");
  // (x - mean) / max(sqrt(variance), 1e-7)
  const NodeId node = add(layer.node, std::make_shared<BatchNorm>(1e-14), {in[0]});
  take(node, 0, "gamma", 0).values = {1.0F};
  take(node, 1, "beta", 0).values = {0.0F};
  std::size_t place = 0;
  for (const char* role : {"mean", "variance"}) {
    const std::string given = std::string("input_") + role;  // Keras 2.8 to 2.15
    const char* name = setting(given) != nullptr ? given.c_str() : role;
    const bool stored = setting(name) == nullptr;
    const std::vector<float> values = stored ? std::vector<float>{} : numbers(name, 0.0F, channels);
    KerasWeight& weight = take(node, 2 + place, role, place);
    weight.values = values;
    weight.also = {{1, 1, 1, channels}};
    ++place;
  }
  return node;
}

// --- convolutions and fully connected layers
// -------------------------------------------------------

KerasBuilder::Sliding KerasBuilder::sliding(const KerasLayer& layer, NodeId& in) {
  const bool old = layer.config->contains("nb_filter");
  Sliding s;
  if (old) {
    s.kernel = {static_cast<std::int32_t>(integer("nb_row", 1, 1, kMostWindow)),
                static_cast<std::int32_t>(integer("nb_col", 1, 1, kMostWindow))};
  } else {
    s.kernel = pair("kernel_size", 1);
  }
  s.stride = pair(old ? "subsample" : "strides", 1);
  s.dilation = pair("dilation_rate", 1);
  const std::string padding = text(old ? "border_mode" : "padding", "valid");
  require_format(layer);
  if (padding == "valid") return s;
  if (padding != "same") {
    complain("padding " + padding);
    return s;
  }
  const Shape x = graph_.node(in).shape;
  const Same rows = same_padding(x.h, s.kernel.first, s.stride.first, s.dilation.first);
  const Same columns = same_padding(x.w, s.kernel.second, s.stride.second, s.dilation.second);
  if (rows.before == rows.after && columns.before == columns.after) {
    s.pad_h = static_cast<std::int32_t>(rows.before);
    s.pad_w = static_cast<std::int32_t>(columns.before);
  } else {
    in = add(layer.node + "_pad",
             std::make_shared<Pad>(rows.before, rows.after, columns.before, columns.after,
                                   kernels::PadMode::kZero),
             {in});
  }
  return s;
}

NodeId KerasBuilder::conv(const KerasLayer& layer, const Inputs& in) {
  const bool old = layer.config->contains("nb_filter");
  const std::int64_t channels = integer(old ? "nb_filter" : "filters", 1, 1, 1 << 24);
  const std::int64_t groups = integer("groups", 1, 1, 1 << 20);
  const bool bias = flag(old ? "bias" : "use_bias", true);
  NodeId from = in[0];
  const Sliding s = sliding(layer, from);
  const auto g = geometry(s.kernel, s.stride, s.dilation, s.pad_h, s.pad_w, groups);
  const NodeId node = add(layer.node, std::make_shared<Conv>(channels, g, bias), {from});
  take(node, 0, "kernel", 0, kernel_axes(false));
  if (bias) take(node, 1, "bias", 1);
  return inner_activation(layer, node);
}

NodeId KerasBuilder::depthwise_conv(const KerasLayer& layer, const Inputs& in) {
  const std::int64_t channels = graph_.node(in[0]).shape.c;
  const std::int64_t multiplier = integer("depth_multiplier", 1, 1, 1024);
  const bool bias = flag("use_bias", true);
  NodeId from = in[0];
  const Sliding s = sliding(layer, from);
  const auto g = geometry(s.kernel, s.stride, s.dilation, s.pad_h, s.pad_w, channels);
  const NodeId node =
      add(layer.node, std::make_shared<Conv>(channels * multiplier, g, bias), {from});
  take(node, 0, "depthwise_kernel", 0, kernel_axes(true)).also = {
      {channels, multiplier, s.kernel.first, s.kernel.second}};
  if (bias) take(node, 1, "bias", 1);
  return inner_activation(layer, node);
}

NodeId KerasBuilder::separable_conv(const KerasLayer& layer, const Inputs& in) {
  const std::int64_t channels = graph_.node(in[0]).shape.c;
  const std::int64_t multiplier = integer("depth_multiplier", 1, 1, 1024);
  const std::int64_t filters = integer("filters", 1, 1, 1 << 24);
  const bool bias = flag("use_bias", true);
  NodeId from = in[0];
  const Sliding s = sliding(layer, from);
  const auto g = geometry(s.kernel, s.stride, s.dilation, s.pad_h, s.pad_w, channels);
  const NodeId each = add(layer.node + "_depthwise",
                          std::make_shared<Conv>(channels * multiplier, g, false), {from});
  take(each, 0, "depthwise_kernel", 0, kernel_axes(true)).also = {
      {channels, multiplier, s.kernel.first, s.kernel.second}};
  const auto point = geometry({1, 1}, {1, 1}, {1, 1}, 0, 0, 1);
  const NodeId node = add(layer.node, std::make_shared<Conv>(filters, point, bias), {each});
  take(node, 0, "pointwise_kernel", 1, kernel_axes(false));
  if (bias) take(node, 1, "bias", 2);
  return inner_activation(layer, node);
}

NodeId KerasBuilder::dense(const KerasLayer& layer, const Inputs& in) {
  const Shape& x = graph_.node(in[0]).shape;
  const bool old = layer.config->contains("output_dim");
  const std::int64_t units = integer(old ? "output_dim" : "units", 1, 1, 1 << 24);
  const bool bias = flag(old ? "bias" : "use_bias", true);
  // It runs along the last axis.
  if (x.plane() != 1 || !is_channel_axis(-1, in[0])) {
    complain("a Dense layer on maps (put a Flatten before it)");
    (void)text("activation", "linear");
    return in[0];
  }
  const NodeId node = add(layer.node, std::make_shared<Dense>(units, bias), {in[0]});
  Transform t;
  t.axes = {1, 0};
  if (hwc_.contains(in[0])) t.hwc = hwc_[in[0]];
  take(node, 0, "kernel", 0, t);
  if (bias) take(node, 1, "bias", 1);
  return inner_activation(layer, node);
}

NodeId KerasBuilder::batch_norm(const KerasLayer& layer, const Inputs& in) {
  if (!is_channel_axis(axis(-1), in[0]))
    complain("normalisation along another axis than the channels");
  const bool scale = flag("scale", true);
  const bool center = flag("center", true);
  const NodeId node =
      add(layer.node, std::make_shared<BatchNorm>(number("epsilon", 1e-3)), {in[0]});
  Transform t;
  if (hwc_.contains(in[0])) t.hwc = hwc_[in[0]];
  std::size_t place = 0;
  KerasWeight& gamma = take(node, 0, "gamma", place, t);
  if (scale) {
    ++place;
  } else {
    gamma.values = {1.0F};
  }
  KerasWeight& beta = take(node, 1, "beta", place, t);
  if (center) {
    ++place;
  } else {
    beta.values = {0.0F};
  }
  take(node, 2, "moving_mean", place++, t);
  take(node, 3, "moving_variance", place, t);
  return node;
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
  for (const bool ceil_mode : {false, true}) {
    const Shape y = pooled_shape(x, g, ceil_mode);
    if (y.h == rows.outputs && y.w == columns.outputs)
      return add(layer.node, make(ceil_mode), {in[0]});
  }
  if (!maximum) {
    complain("\"same\" average pooling of these extents");
    return in[0];
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
  const Json* at = setting("padding");
  const auto number_at = [](const Json& v) {
    return v.is_number_integer() && v.get<std::int64_t>() >= 0 &&
                   v.get<std::int64_t>() <= kMostWindow
               ? v.get<std::int64_t>()
               : std::int64_t{-1};
  };
  std::array<std::int64_t, 4> sides{1, 1, 1, 1};  // Keras' default
  if (at != nullptr && at->is_array() && at->size() == 2) {
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const Json& side = (*at)[axis];
      const bool both = side.is_array() && side.size() == 2;
      sides[2 * axis] = number_at(both ? side[0] : side);
      sides[2 * axis + 1] = number_at(both ? side[1] : side);
    }
  } else if (at != nullptr) {
    sides.fill(number_at(*at));
  }
  if (*std::min_element(sides.begin(), sides.end()) < 0) {
    complain("padding of this form");
    return in[0];
  }
  return add(layer.node,
             std::make_shared<Pad>(sides[0], sides[1], sides[2], sides[3], kernels::PadMode::kZero),
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
  if (layer.type == "Add") return add(layer.node, std::make_shared<Add>(), in);
  if (!is_channel_axis(axis(-1), in[0]))
    complain("concatenation along another axis than the channels");
  return add(layer.node, std::make_shared<Concat>(), in);
}

}  // namespace cutaway::weights
