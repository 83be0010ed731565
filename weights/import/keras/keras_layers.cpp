#include "weights/import/keras/keras_layers.h"

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
#include "runtime/error.h"

namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostExtent = 1 << 20;
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

std::string named(const KerasLayer& layer) { return layer.node + " (" + layer.type + ")"; }

}  // namespace

KerasBuilder::KerasBuilder(const KerasLayers& layers, const std::string& file)
    : layers_(layers), file_(file), graph_(Shape{1, 1, 1, 1}) {}

void KerasBuilder::stop() const {
  if (complaints_.empty()) return;
  std::string all =
      std::to_string(complaints_.size()) + " thing(s) in this model that are not supported:";
  for (const std::string& line : complaints_) all += "\n  " + line;
  throw Error(ErrorKind::kUnsupported, all).at(file_);
}

KerasGraph KerasBuilder::run() {
  for (const KerasLayer& layer : layers_.list) build(layer);
  stop();
  if (graph_.size() < 2) throw Error(ErrorKind::kInput, "the model has no layers").at(file_);
  if (hwc_.contains(graph_.last())) {
    throw Error(ErrorKind::kUnsupported,
                "a model that ends in flattened maps: their order is H, W, C")
        .at(file_);
  }
  return {std::move(graph_), std::move(weights_), {}};
}

void KerasBuilder::complain(const std::string& what) {
  const std::string line = named(*current_) + ": " + what;
  if (complaints_.empty() || complaints_.back() != line) complaints_.push_back(line);
}

// --- configuration
// ---------------------------------------------------------------------------------

std::int64_t KerasBuilder::integer(const char* name,
                                   std::int64_t otherwise,
                                   std::int64_t least,
                                   std::int64_t most) {
  const auto at = current_->config->find(name);
  if (at == current_->config->end() || at->is_null()) return otherwise;
  if (at->is_number_integer() && at->get<std::int64_t>() >= least &&
      at->get<std::int64_t>() <= most) {
    return at->get<std::int64_t>();
  }
  complain(std::string(name) + " " +
           at->dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 64));
  return otherwise;
}

double KerasBuilder::number(const char* name, double otherwise) {
  const auto at = current_->config->find(name);
  if (at == current_->config->end() || at->is_null()) return otherwise;
  if (at->is_number() && std::isfinite(at->get<double>())) return at->get<double>();
  complain(std::string(name) + " is no number");
  return otherwise;
}

bool KerasBuilder::flag(const char* name, bool otherwise) {
  const auto at = current_->config->find(name);
  if (at == current_->config->end() || at->is_null()) return otherwise;
  if (at->is_boolean()) return at->get<bool>();
  complain(std::string(name) + " is neither true nor false");
  return otherwise;
}

std::string KerasBuilder::text(const char* name, const std::string& otherwise) {
  const auto at = current_->config->find(name);
  if (at == current_->config->end() || at->is_null()) return otherwise;
  if (at->is_string()) return at->get<std::string>().substr(0, 64);
  // Keras 3 writes some activations as objects.
  if (at->is_object() && at->contains("class_name") && (*at)["class_name"].is_string()) {
    const auto config = at->find("config");
    if (config != at->end() && config->is_string()) return config->get<std::string>().substr(0, 64);
    return (*at)["class_name"].get<std::string>().substr(0, 64);
  }
  complain(std::string(name) + " is no text");
  return otherwise;
}

std::pair<std::int32_t, std::int32_t> KerasBuilder::pair(const char* name, std::int32_t otherwise) {
  const auto at = current_->config->find(name);
  if (at == current_->config->end() || at->is_null()) return {otherwise, otherwise};
  const auto one = [](const Json& v) {
    return v.is_number_integer() && v.get<std::int64_t>() >= 1 &&
           v.get<std::int64_t>() <= kMostWindow;
  };
  if (one(*at)) return {at->get<std::int32_t>(), at->get<std::int32_t>()};
  if (at->is_array() && at->size() == 2 && one((*at)[0]) && one((*at)[1])) {
    return {(*at)[0].get<std::int32_t>(), (*at)[1].get<std::int32_t>()};
  }
  complain(std::string(name) + " is no pair of numbers from 1 to " + std::to_string(kMostWindow));
  return {otherwise, otherwise};
}

/// The format of the data that a layer takes. Keras 1 said "tf" and "th".
bool KerasBuilder::channels_last(const KerasLayer& layer) {
  const char* name = layer.config->contains("dim_ordering") ? "dim_ordering" : "data_format";
  const std::string format = text(name, last_ ? "channels_last" : "channels_first");
  if (format == "channels_last" || format == "tf") return true;
  if (format != "channels_first" && format != "th" && format != "default")
    complain("data_format " + format);
  return format == "default" ? last_ : false;
}

// --- building
// --------------------------------------------------------------------------------------

NodeId KerasBuilder::add(const std::string& name, LayerPtr layer, std::vector<NodeId> inputs) {
  try {
    return graph_.add(name, std::move(layer), std::move(inputs));
  } catch (const Error& error) {
    stop();  // behind an unsupported layer, shapes mean little
    throw error.located(file_);
  }
}

void KerasBuilder::take(
    NodeId node, std::size_t parameter, const char* role, std::size_t place, Transform transform) {
  KerasWeight weight;
  weight.node = node;
  weight.parameter = parameter;
  weight.layer = current_->name;
  weight.outer = current_->outer;
  weight.containers = current_->containers;
  weight.role = role;
  weight.place = place;
  weight.transform = std::move(transform);
  weight.shared = current_->shared;
  weights_.push_back(std::move(weight));
}

void KerasBuilder::build(const KerasLayer& layer) {
  current_ = &layer;
  if (layer.type == "InputLayer") {
    if (nodes_.size() != 0) {
      throw Error(ErrorKind::kUnsupported, "several inputs: '" + layer.node + "' is the second")
          .at(file_)
          .hint(
              "save the part you want as a model of its own: keras.Model(model.inputs[0], "
              "model.get_layer(NAME).output).save(FILE)");
    }
    nodes_[layer.id] = 0;
    const char* name = layer.config->contains("batch_shape") ? "batch_shape" : "batch_input_shape";
    const auto at = layer.config->find(name);
    std::vector<std::int64_t> e;
    if (at != layer.config->end() && at->is_array() && at->size() == 4) {
      for (std::size_t i = 1; i < 4; ++i) {
        const Json& v = (*at)[i];
        if (v.is_number_integer() && v.get<std::int64_t>() >= 1 &&
            v.get<std::int64_t>() <= kMostExtent) {
          e.push_back(v.get<std::int64_t>());
        }
      }
    }
    if (e.size() != 3) {
      throw Error(ErrorKind::kUnsupported, "extents of the input")
          .at(file_)
          .expected("height, width and channels, all known")
          .got(at == layer.config->end()
                   ? "none"
                   : at->dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 64))
          .hint("save the model with a fixed input size");
    }
    // Layers say in which format they take their data; the first one that does decides.
    for (const KerasLayer& other : layers_.list) {
      current_ = &other;
      const bool says =
          other.config->contains("data_format") || other.config->contains("dim_ordering");
      if (!says || other.type == "InputLayer") continue;
      last_ = channels_last(other);
      break;
    }
    graph_ = Graph(last_ ? Shape{1, e[2], e[0], e[1]} : Shape{1, e[0], e[1], e[2]});
    if (layer.node != "input") graph_.alias(layer.node, 0);
    return;
  }
  std::vector<NodeId> in;
  for (const std::string& input : layer.inputs) in.push_back(nodes_.at(input));
  if (in.empty())
    throw Error(ErrorKind::kInput, "layer '" + layer.node + "' has no input").at(file_);
  nodes_[layer.id] = build_one(layer, in);
}

NodeId KerasBuilder::build_one(const KerasLayer& layer, const std::vector<NodeId>& in) {
  const std::string& type = layer.type;
  if (type == "Conv2D" || type == "Convolution2D") return conv(layer, in[0], false);
  if (type == "DepthwiseConv2D") return conv(layer, in[0], true);
  if (type == "Dense") return dense(layer, in[0]);
  if (type == "BatchNormalization") return batch_norm(layer, in[0]);
  if (type == "MaxPooling2D") return pool(layer, in[0], true);
  if (type == "AveragePooling2D") return pool(layer, in[0], false);
  if (type == "ZeroPadding2D") return zero_padding(layer, in[0]);
  if (type == "Flatten") return flatten(layer, in[0]);
  if (type == "ReLU" || type == "LeakyReLU") return relu(layer, in[0]);
  if (type == "Add" || type == "Concatenate") return join(layer, in);
  if (type == "Activation") return activation(layer, layer.node, in[0], true);
  if (type == "Softmax") return add(layer.node, std::make_shared<Softmax>(), {in[0]});
  if (type == "GlobalAveragePooling2D")
    return add(layer.node, std::make_shared<GlobalAveragePool>(), {in[0]});
  if (type == "GlobalMaxPooling2D")
    return add(layer.node, std::make_shared<GlobalMaxPool>(), {in[0]});
  if (type == "Dropout" || type == "SpatialDropout2D") {
    const double rate = number(layer.config->contains("p") ? "p" : "rate", 0.5);
    const NodeId node =
        add(layer.node, std::make_shared<Dropout>(static_cast<float>(rate)), {in[0]});
    if (hwc_.contains(in[0])) hwc_[node] = hwc_[in[0]];
    return node;
  }
  complain("this class of layer is not supported");
  return in[0];
}

NodeId KerasBuilder::activation(const KerasLayer& layer,
                                const std::string& name,
                                NodeId in,
                                bool own_node) {
  const std::string kind = text("activation", "linear");
  LayerPtr made;
  if (kind == "relu") made = std::make_shared<Relu>();
  if (kind == "relu6") made = std::make_shared<Clip>(0.0, 6.0);
  if (kind == "leaky_relu") made = std::make_shared<LeakyRelu>(0.2);
  if (kind == "softmax") made = std::make_shared<Softmax>();
  if (made == nullptr) {
    if (kind == "linear" && own_node) return add(name, std::make_shared<Dropout>(0.0f), {in});
    if (kind != "linear") complain("activation " + kind);
    return in;
  }
  const NodeId node = add(own_node ? name : layer.node + "_" + kind, std::move(made), {in});
  if (hwc_.contains(in)) hwc_[node] = hwc_[in];
  return node;
}

NodeId KerasBuilder::conv(const KerasLayer& layer, NodeId in, bool depthwise) {
  const Shape x = graph_.node(in).shape;
  const std::int64_t multiplier = depthwise ? integer("depth_multiplier", 1, 1, 1024) : 0;
  const bool old = layer.config->contains("nb_filter");
  const std::int64_t channels =
      depthwise ? x.c * multiplier : integer(old ? "nb_filter" : "filters", 1, 1, 1 << 24);
  std::pair<std::int32_t, std::int32_t> kernel;
  if (old) {
    kernel = {static_cast<std::int32_t>(integer("nb_row", 1, 1, kMostWindow)),
              static_cast<std::int32_t>(integer("nb_col", 1, 1, kMostWindow))};
  } else {
    kernel = pair("kernel_size", 1);
  }
  const auto [stride_h, stride_w] = pair(old ? "subsample" : "strides", 1);
  const auto [dilation_h, dilation_w] = pair("dilation_rate", 1);
  const std::int64_t groups = depthwise ? x.c : integer("groups", 1, 1, 1 << 20);
  const bool bias = flag(old ? "bias" : "use_bias", true);
  const std::string padding = text(old ? "border_mode" : "padding", "valid");
  if (channels_last(layer) != last_) complain("another data_format than the layers before");
  std::int32_t pad_h = 0;
  std::int32_t pad_w = 0;
  if (padding == "same") {
    const Same rows = same_padding(x.h, kernel.first, stride_h, dilation_h);
    const Same columns = same_padding(x.w, kernel.second, stride_w, dilation_w);
    if (rows.before == rows.after && columns.before == columns.after) {
      pad_h = static_cast<std::int32_t>(rows.before);
      pad_w = static_cast<std::int32_t>(columns.before);
    } else {
      in = add(layer.node + "_pad",
               std::make_shared<Pad>(rows.before, rows.after, columns.before, columns.after,
                                     kernels::PadMode::kZero),
               {in});
    }
  } else if (padding != "valid") {
    complain("padding " + padding);
  }
  const kernels::ConvGeometry g{kernel.first, kernel.second, stride_h,
                                stride_w,     pad_h,         pad_w,
                                dilation_h,   dilation_w,    static_cast<std::int32_t>(groups)};
  const NodeId node = add(layer.node, std::make_shared<Conv>(channels, g, bias), {in});
  // H x W x I x O, and for depthwise kernels H x W x I x multiplier.
  Transform t;
  t.axes = depthwise ? std::vector<std::size_t>{2, 3, 0, 1} : std::vector<std::size_t>{3, 2, 0, 1};
  take(node, 0, depthwise ? "depthwise_kernel" : "kernel", 0, t);
  if (depthwise) weights_.back().also = {{x.c, multiplier, kernel.first, kernel.second}};
  if (bias) take(node, 1, "bias", 1);
  return activation(layer, layer.node, node, false);
}

NodeId KerasBuilder::dense(const KerasLayer& layer, NodeId in) {
  const Shape& x = graph_.node(in).shape;
  if (x.plane() != 1) {
    complain("a Dense layer on maps (put a Flatten before it)");
    return in;
  }
  const bool old = layer.config->contains("output_dim");
  const std::int64_t units = integer(old ? "output_dim" : "units", 1, 1, 1 << 24);
  const bool bias = flag(old ? "bias" : "use_bias", true);
  const NodeId node = add(layer.node, std::make_shared<Dense>(units, bias), {in});
  Transform t;
  t.axes = {1, 0};
  if (hwc_.contains(in)) t.hwc = hwc_[in];
  take(node, 0, "kernel", 0, t);
  if (bias) take(node, 1, "bias", 1);
  return activation(layer, layer.node, node, false);
}

NodeId KerasBuilder::batch_norm(const KerasLayer& layer, NodeId in) {
  const bool vector = graph_.node(in).shape.plane() == 1;
  const auto axis = layer.config->find("axis");
  if (axis != layer.config->end() && !axis->is_null()) {
    const Json& value = axis->is_array() && axis->size() == 1 ? (*axis)[0] : *axis;
    const std::int64_t a = value.is_number_integer() ? value.get<std::int64_t>() : 99;
    const bool channels = a == -1 || (last_ ? a == 3 : a == 1) || (vector && a == 1);
    if (!channels || (a == -1 && !last_ && !vector))
      complain("normalisation along another axis than the channels");
  }
  const bool scale = flag("scale", true);
  const bool center = flag("center", true);
  const NodeId node = add(layer.node, std::make_shared<BatchNorm>(number("epsilon", 1e-3)), {in});
  Transform t;
  if (hwc_.contains(in)) t.hwc = hwc_[in];
  std::size_t place = 0;
  take(node, 0, "gamma", place, t);
  if (scale) {
    ++place;
  } else {
    weights_.back().constant = 1.0f;
  }
  take(node, 1, "beta", place, t);
  if (center) {
    ++place;
  } else {
    weights_.back().constant = 0.0f;
  }
  take(node, 2, "moving_mean", place++, t);
  take(node, 3, "moving_variance", place, t);
  if (hwc_.contains(in)) hwc_[node] = hwc_[in];
  return node;
}

NodeId KerasBuilder::pool(const KerasLayer& layer, NodeId in, bool maximum) {
  const Shape x = graph_.node(in).shape;
  const auto [kernel_h, kernel_w] = pair("pool_size", 2);
  const bool own = layer.config->contains("strides") && !(*layer.config)["strides"].is_null();
  const auto [stride_h, stride_w] = own ? pair("strides", 2) : std::pair{kernel_h, kernel_w};
  const std::string padding =
      text(layer.config->contains("border_mode") ? "border_mode" : "padding", "valid");
  if (channels_last(layer) != last_) complain("another data_format than the layers before");
  kernels::PoolGeometry g{kernel_h, kernel_w, stride_h, stride_w, 0, 0};
  const auto make = [&](bool ceil_mode) -> LayerPtr {
    if (maximum) return std::make_shared<MaxPool>(g, ceil_mode);
    return std::make_shared<AveragePool>(g, ceil_mode, false);  // TensorFlow counts no padding
  };
  if (padding == "valid") return add(layer.node, make(false), {in});
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
      return add(layer.node, make(ceil_mode), {in});
  }
  if (!maximum) {
    complain("\"same\" average pooling of these extents");
    return in;
  }
  // A window that reaches beyond the edge has the edge in it, so once more changes no maximum.
  const NodeId padded = add(layer.node + "_pad",
                            std::make_shared<Pad>(rows.before, rows.after, columns.before,
                                                  columns.after, kernels::PadMode::kEdge),
                            {in});
  g.pad_h = g.pad_w = 0;
  return add(layer.node, make(false), {padded});
}

NodeId KerasBuilder::zero_padding(const KerasLayer& layer, NodeId in) {
  const auto at = layer.config->find("padding");
  const auto number_at = [](const Json& v) {
    return v.is_number_integer() && v.get<std::int64_t>() >= 0 &&
                   v.get<std::int64_t>() <= kMostWindow
               ? v.get<std::int64_t>()
               : std::int64_t{-1};
  };
  std::array<std::int64_t, 4> sides{-1, -1, -1, -1};
  if (at != layer.config->end() && at->is_array() && at->size() == 2) {
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const Json& side = (*at)[axis];
      const bool both = side.is_array() && side.size() == 2;
      sides[2 * axis] = number_at(both ? side[0] : side);
      sides[2 * axis + 1] = number_at(both ? side[1] : side);
    }
  } else if (at != layer.config->end()) {
    sides.fill(number_at(*at));
  }
  if (*std::min_element(sides.begin(), sides.end()) < 0) {
    complain("padding of this form");
    return in;
  }
  return add(layer.node,
             std::make_shared<Pad>(sides[0], sides[1], sides[2], sides[3], kernels::PadMode::kZero),
             {in});
}

NodeId KerasBuilder::flatten(const KerasLayer& layer, NodeId in) {
  const Shape x = graph_.node(in).shape;
  // Keras flattens H, W, C: where the data are so, and also where they are not, if the layer knows
  // of it.
  const bool told = layer.config->contains("data_format") && !channels_last(layer);
  const NodeId node = add(layer.node, std::make_shared<Flatten>(), {in});
  if ((last_ || told) && x.plane() > 1 && x.c > 1) hwc_[node] = {x.h, x.w, x.c};
  return node;
}

NodeId KerasBuilder::relu(const KerasLayer& layer, NodeId in) {
  const bool leaky = layer.type == "LeakyReLU";
  const char* name = layer.config->contains("alpha") ? "alpha" : "negative_slope";
  const double slope = number(name, leaky ? 0.3 : 0.0);
  const double most = number("max_value", -1);
  if (number("threshold", 0) != 0) complain("ReLU with a threshold");
  LayerPtr made = std::make_shared<Relu>();
  if (slope != 0 && (most >= 0 || !(slope > 0 && slope <= 1))) {
    complain("leaky ReLU with a largest value or a slope outside 0 to 1");
  } else if (slope != 0) {
    made = std::make_shared<LeakyRelu>(slope);
  } else if (most > 0 && std::isfinite(most)) {
    made = std::make_shared<Clip>(0.0, most);
  }
  const NodeId node = add(layer.node, std::move(made), {in});
  if (hwc_.contains(in)) hwc_[node] = hwc_[in];
  return node;
}

NodeId KerasBuilder::join(const KerasLayer& layer, const std::vector<NodeId>& in) {
  for (const NodeId input : in) {
    if (hwc_.contains(input)) complain("joining of flattened maps");
  }
  if (layer.type == "Add") return add(layer.node, std::make_shared<Add>(), in);
  const std::int64_t axis = integer("axis", -1, -8, 8);
  const bool vector = graph_.node(in[0]).shape.plane() == 1;
  const bool channels = (axis == -1 && (last_ || vector)) ||
                        (last_ ? axis == 3 : axis == 1 || axis == -3) || (vector && axis == 1);
  if (!channels) complain("concatenation along another axis than the channels");
  return add(layer.node, std::make_shared<Concat>(), in);
}

}  // namespace cutaway::weights
