#include <algorithm>

#include "layers/batch_norm.h"
#include "layers/conv.h"
#include "layers/conv_transpose.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/group_norm.h"
#include "layers/layer_norm.h"
#include "layers/pad.h"
#include "layers/slice.h"
#include "weights/import/keras/keras_layers.h"
#include "weights/import/keras/keras_windows.h"

// One function a class of Keras' layers (keras.io/api/layers): those with weights, and those that do
// little in evaluation.
namespace cutaway::weights {
namespace {

/// H x W x I x O, and for depthwise kernels H x W x I x multiplier.
Transform kernel_axes(bool depthwise) {
  Transform t;
  t.axes = depthwise ? std::vector<std::size_t>{2, 3, 0, 1} : std::vector<std::size_t>{3, 2, 0, 1};
  return t;
}

}  // namespace

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
  // It runs along the last axis: at every place of maps, where that is the channels.
  const bool vectors = vectors_.contains(in[0]);
  if (!is_channel_axis(-1, in[0])) {
    complain("a Dense layer along another axis than the channels");
    (void)text("activation", "linear");
    return in[0];
  }
  LayerPtr made = std::make_shared<Dense>(units, bias);
  if (!vectors && x.plane() > 1) {
    made = std::make_shared<Conv>(units, geometry({1, 1}, {1, 1}, {1, 1}, 0, 0, 1), bias);
  }
  const std::int64_t features = x.c;
  const NodeId node = add(layer.node, std::move(made), {in[0]});
  Transform t;
  t.axes = {1, 0};
  if (hwc_.contains(in[0])) t.hwc = hwc_[in[0]];
  take(node, 0, "kernel", 0, t).also = {{units, features}};
  if (bias) take(node, 1, "bias", 1);
  return inner_activation(layer, node);
}

std::size_t KerasBuilder::take_scale_and_shift(NodeId node, const Transform& t) {
  std::size_t place = 0;
  KerasWeight& gamma = take(node, 0, "gamma", place, t);
  if (flag("scale", true)) {
    ++place;
  } else {
    gamma.values = {1.0F};
  }
  KerasWeight& beta = take(node, 1, "beta", place, t);
  if (flag("center", true)) {
    ++place;
  } else {
    beta.values = {0.0F};
  }
  return place;
}

NodeId KerasBuilder::batch_norm(const KerasLayer& layer, const Inputs& in) {
  if (!is_channel_axis(axis(-1), in[0]))
    complain("normalisation along another axis than the channels");
  const NodeId node =
      add(layer.node, std::make_shared<BatchNorm>(number("epsilon", 1e-3)), {in[0]});
  Transform t;
  if (hwc_.contains(in[0])) t.hwc = hwc_[in[0]];
  std::size_t place = take_scale_and_shift(node, t);
  take(node, 2, "moving_mean", place++, t);
  take(node, 3, "moving_variance", place, t);
  return node;
}

NodeId KerasBuilder::layer_norm(const KerasLayer& layer, const Inputs& in) {
  if (!is_channel_axis(axis(-1), in[0]))
    complain("normalisation along another axis than the channels");
  if (flag("rms_scaling", false)) complain("normalisation with rms_scaling");
  const NodeId node =
      add(layer.node, std::make_shared<LayerNorm>(number("epsilon", 1e-3)), {in[0]});
  Transform t;
  if (hwc_.contains(in[0])) t.hwc = hwc_[in[0]];
  (void)take_scale_and_shift(node, t);
  return node;
}

NodeId KerasBuilder::group_norm(const KerasLayer& layer, const Inputs& in) {
  if (!is_channel_axis(axis(-1), in[0]))
    complain("normalisation along another axis than the channels");
  const std::int64_t channels = graph_.node(in[0]).shape.c;
  std::int64_t groups = integer("groups", 32, -1, 1 << 20);
  if (groups == -1) groups = channels;
  if (groups < 1 || channels % groups != 0) {
    complain(std::to_string(channels) + " channels in " + std::to_string(groups) + " groups");
    groups = 1;
  }
  const NodeId node =
      add(layer.node, std::make_shared<GroupNorm>(groups, number("epsilon", 1e-3)), {in[0]});
  (void)take_scale_and_shift(node, {});
  return node;
}

// --- transposed convolution
// ------------------------------------------------------------------------

namespace {

/// One axis of a transposed convolution as TensorFlow has it: (extent - 1) stride + kernel values,
/// and at least extent * stride; "same" cuts them down to that.
struct TransposedAxis {
  std::int64_t extra{0}, before{0}, behind{0};
};
TransposedAxis transposed_axis(std::int64_t kernel, std::int64_t stride, bool same) {
  TransposedAxis a;
  a.extra = std::max<std::int64_t>(stride - kernel, 0);
  if (!same) return a;
  const std::int64_t more = std::max<std::int64_t>(kernel - stride, 0);
  a.before = more / 2;
  a.behind = more - a.before;
  return a;
}

}  // namespace

NodeId KerasBuilder::conv_transpose(const KerasLayer& layer, const Inputs& in) {
  const std::int64_t channels = integer("filters", 1, 1, 1 << 24);
  const bool bias = flag("use_bias", true);
  const auto kernel = pair("kernel_size", 1), stride = pair("strides", 1);
  const auto dilation = pair("dilation_rate", 1);
  const std::string padding = text("padding", "valid");
  require_format(layer);
  if (padding != "valid" && padding != "same") complain("padding " + padding);
  if (dilation.first != 1 || dilation.second != 1) complain("a dilated transposed convolution");
  if (setting("output_padding") != nullptr) complain("output_padding");
  const TransposedAxis rows = transposed_axis(kernel.first, stride.first, padding == "same");
  const TransposedAxis columns = transposed_axis(kernel.second, stride.second, padding == "same");
  const bool even = rows.before == rows.behind && columns.before == columns.behind;
  const auto g = geometry(kernel, stride, {1, 1}, even ? static_cast<std::int32_t>(rows.before) : 0,
                          even ? static_cast<std::int32_t>(columns.before) : 0, 1);
  const NodeId whole =
      add(layer.node + (even ? "" : "_whole"),
          std::make_shared<ConvTranspose>(channels, g, rows.extra, columns.extra, bias), {in[0]});
  // H x W x O x I.
  take(whole, 0, "kernel", 0, kernel_axes(false));
  if (bias) take(whole, 1, "bias", 1);
  NodeId node = whole;
  if (!even) {
    const Shape& y = graph_.node(whole).shape;
    const SliceRange h{rows.before, y.h - rows.before - rows.behind, 1};
    const SliceRange w{columns.before, y.w - columns.before - columns.behind, 1};
    node = add(layer.node, std::make_shared<Slice>(SliceRange{}, h, w), {whole});
  }
  return inner_activation(layer, node);
}

}  // namespace cutaway::weights
