#include <array>
#include <cmath>
#include <limits>

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
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "weights/import/onnx/onnx_builder.h"

/// One function an operator of ONNX (its page Operators, github.com/onnx/onnx).
namespace cutaway::weights::onnx {
namespace {

constexpr std::int64_t kMostGeometry = 1 << 15;

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

std::int64_t channels_of(const Extents& extents, std::size_t axis) {
  if (extents.size() <= axis || extents[axis] < 1)
    throw Unsupported{"with weights of " + cutaway::weights::text_of(extents)};
  return extents[axis];
}

/// Padding before and behind along one axis.
struct Padding {
  std::int64_t before{0}, behind{0};
};

// auto_pad = SAME_*: output extent ceil(extent / stride); the odd pixel goes behind (UPPER) or
// before (LOWER).
Padding same_padding(std::int64_t extent, std::int64_t window, std::int64_t stride, bool upper) {
  const std::int64_t out = (extent + stride - 1) / stride;
  const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * stride + window - extent);
  const std::int64_t less = total / 2;
  return upper ? Padding{less, total - less} : Padding{total - less, less};
}

struct Windowing {
  std::vector<std::int64_t> kernel, stride, dilation;
  Padding h, w;
};

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

void conv(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Tensor* w = b.constant(node, 1);
  if (w == nullptr || w->extents.size() != 4) throw Unsupported{"that is not two-dimensional"};
  const std::int64_t channels = channels_of(w->extents, 0);
  Windowing g = windowing(node, b.shape_of(x.node), {w->extents[2], w->extents[3]});
  const NodeId from = padded(b, node, x.node, g);
  const Tensor* bias = b.constant(node, 2);
  if (bias == nullptr) bias = b.absorb_bias(node, channels);
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

bool reaches(std::int64_t extent,
             std::int64_t kernel,
             std::int64_t stride,
             std::int64_t pad,
             std::int64_t wanted,
             bool ceil) {
  return kernels::pooled_extent(extent, kernel, stride, pad, ceil) == wanted;
}

/// Pools with padding at the front only say how many windows there are by rounding up or down.
bool choose_rounding(const Windowing& g, const Shape& x, bool ceil, bool& rounds_up) {
  const auto wanted = [&](std::int64_t extent, const Padding& p, std::size_t axis) {
    // As if the padding behind were pixels: then only its sum with the extent matters.
    const std::int64_t span = extent + p.before + p.behind - g.kernel[axis];
    if (span < 0) return std::int64_t{0};
    std::int64_t out =
        (ceil ? (span + g.stride[axis] - 1) / g.stride[axis] : span / g.stride[axis]) + 1;
    if (ceil && (out - 1) * g.stride[axis] >= extent + p.before) --out;
    return out;
  };
  const std::int64_t h = wanted(x.h, g.h, 0), w = wanted(x.w, g.w, 1);
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

bool smaller_than_window(const Windowing& g) {
  return std::max(g.h.before, g.h.behind) < g.kernel[0] &&
         std::max(g.w.before, g.w.behind) < g.kernel[1];
}

void max_pool(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  Windowing g = windowing(node, b.shape_of(x.node), {});
  bool ceil = integer_of(node, "ceil_mode", 0) != 0;
  NodeId from = x.node;
  if (!choose_rounding(g, b.shape_of(x.node), ceil, ceil)) {
    if (ceil || !smaller_than_window(g)) throw Unsupported{"with padding on one side only"};
    // A window that reaches beyond the edge has the edge in it, so once more changes no maximum.
    from = padded(b, node, from, g, kernels::PadMode::kEdge);
  }
  b.define(node, {b.add(node, std::make_shared<MaxPool>(pool_geometry_of(g), ceil), {from}), 4});
}

void average_pool(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  Windowing g = windowing(node, b.shape_of(x.node), {});
  const bool counts = integer_of(node, "count_include_pad", 0) != 0;
  bool ceil = integer_of(node, "ceil_mode", 0) != 0;
  NodeId from = x.node;
  if (counts) {
    from = padded(b, node, from, g);
  } else if (!choose_rounding(g, b.shape_of(x.node), ceil, ceil)) {
    throw Unsupported{"with padding on one side only"};
  }
  b.define(
      node,
      {b.add(node, std::make_shared<AveragePool>(pool_geometry_of(g), ceil, counts), {from}), 4});
}

template <class L>
void global_pool(Builder& b, const Node& node) {
  b.define(node, {b.add(node, std::make_shared<L>(), {b.computed(node, 0).node}), 4});
}

// Mean over rows and columns is global average pooling.
void reduce_mean(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Tensor* list = b.constant(node, 1);
  std::vector<std::int64_t> axes =
      list != nullptr ? b.integers(*list) : integers_of(node, "axes", {});
  for (std::int64_t& a : axes) a = a < 0 ? a + 4 : a;
  const bool planes =
      axes == std::vector<std::int64_t>{2, 3} || axes == std::vector<std::int64_t>{3, 2};
  if (x.rank != 4 || !planes) throw Unsupported{"over other axes than rows and columns"};
  const std::size_t rank = integer_of(node, "keepdims", 1) != 0 ? 4 : 2;
  b.define(node, {b.add(node, std::make_shared<GlobalAveragePool>(), {x.node}), rank});
}

void relu(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  b.define(node, {b.add(node, std::make_shared<Relu>(), {x.node}), x.rank});
}

void leaky_relu(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const double slope = number_of(node, "alpha", 0.01);
  if (!(slope >= 0.0 && slope <= 1.0)) throw Unsupported{"with slope " + std::to_string(slope)};
  LayerPtr layer = std::make_shared<Relu>();
  if (slope > 0.0) layer = std::make_shared<LeakyRelu>(slope);
  b.define(node, {b.add(node, std::move(layer), {x.node}), x.rank});
}

void clip(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double low = number_of(node, "min", -kInfinity), high = number_of(node, "max", kInfinity);
  if (const Tensor* t = b.constant(node, 1)) low = b.number(*t);
  if (const Tensor* t = b.constant(node, 2)) high = b.number(*t);
  LayerPtr layer;
  if (low == 0.0 && !(high < 3e38)) {
    layer = std::make_shared<Relu>();
  } else if (low > -3e38 && high < 3e38 && low <= 0.0 && high >= 0.0 && low < high) {
    layer = std::make_shared<Clip>(low, high);
  } else {
    throw Unsupported{"to " + std::to_string(low) + " ... " + std::to_string(high)};
  }
  b.define(node, {b.add(node, std::move(layer), {x.node}), x.rank});
}

void gemm(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Tensor* w = b.constant(node, 1);
  if (w == nullptr || w->extents.size() != 2 || integer_of(node, "transA", 0) != 0)
    throw Unsupported{"with its first input transposed"};
  const bool transposed = integer_of(node, "transB", 0) != 0;
  const std::int64_t features = channels_of(w->extents, transposed ? 0 : 1);
  const Tensor* bias = b.constant(node, 2);
  const NodeId id = b.add(node, std::make_shared<Dense>(features, bias != nullptr), {x.node});
  Transform t;
  if (!transposed) t.axes = {1, 0};
  t.factor = static_cast<float>(number_of(node, "alpha", 1.0));
  b.bind(id, 0, *w, t);
  Transform scaled;
  scaled.factor = static_cast<float>(number_of(node, "beta", 1.0));
  if (bias != nullptr) b.bind(id, 1, *bias, scaled);
  b.define(node, {id, 2});
}

void mat_mul(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Tensor* w = b.constant(node, 1);
  if (w == nullptr || w->extents.size() != 2 || x.rank != 2)
    throw Unsupported{"of other things than a vector and a matrix"};
  const std::int64_t features = channels_of(w->extents, 1);
  const Tensor* bias = b.absorb_bias(node, features);
  const NodeId id = b.add(node, std::make_shared<Dense>(features, bias != nullptr), {x.node});
  Transform t;
  t.axes = {1, 0};
  b.bind(id, 0, *w, t);
  if (bias != nullptr) b.bind(id, 1, *bias);
  b.define(node, {id, 2});
}

void batch_norm(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  if (integer_of(node, "training_mode", 0) != 0) throw Unsupported{"in training mode"};
  if (integer_of(node, "spatial", 1) != 1) throw Unsupported{"with spatial 0"};
  const double eps = number_of(node, "epsilon", 1e-5);
  if (!(eps > 0.0 && eps < 1.0)) throw Unsupported{"with epsilon " + std::to_string(eps)};
  const NodeId id = b.add(node, std::make_shared<BatchNorm>(eps), {x.node});
  for (std::size_t i = 0; i < 4; ++i) {
    const Tensor* t = b.constant(node, i + 1);
    if (t == nullptr) throw Unsupported{"without input " + std::to_string(i + 1)};
    b.bind(id, i, *t);
  }
  b.define(node, {id, x.rank});
}

void lrn(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const std::int64_t size = integer_of(node, "size", 0);
  if (size < 1 || size > 255 || size % 2 == 0)
    throw Unsupported{"with size " + std::to_string(size)};
  const kernels::LrnParameters p{static_cast<std::int32_t>(size),
                                 static_cast<float>(number_of(node, "alpha", 1e-4)),
                                 static_cast<float>(number_of(node, "beta", 0.75)),
                                 static_cast<float>(number_of(node, "bias", 1.0))};
  b.define(node, {b.add(node, std::make_shared<Lrn>(p), {x.node}), x.rank});
}

void add(Builder& b, const Node& node) {
  if (b.is_constant(node, 0) || b.is_constant(node, 1))
    throw Unsupported{"of a constant that is no bias"};
  std::vector<NodeId> inputs;
  Computed x;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    x = b.computed(node, i);
    inputs.push_back(x.node);
    if (!(b.shape_of(x.node) == b.shape_of(inputs[0])))
      throw Unsupported{"of values of different extents"};
  }
  if (inputs.size() < 2) throw Unsupported{"of one value"};
  b.define(node, {b.add(node, std::make_shared<Add>(), inputs), x.rank});
}

void concat(Builder& b, const Node& node) {
  std::vector<NodeId> inputs;
  Computed x;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    x = b.computed(node, i);
    inputs.push_back(x.node);
  }
  const std::int64_t axis = integer_of(node, "axis", std::numeric_limits<std::int64_t>::min());
  if (inputs.empty() || (axis != 1 && axis + static_cast<std::int64_t>(x.rank) != 1))
    throw Unsupported{"along another axis than channels"};
  if (inputs.size() == 1) return b.define(node, x);
  b.define(node, {b.add(node, std::make_shared<Concat>(), inputs), x.rank});
}

void flatten_to(Builder& b, const Node& node, const Computed& x) {
  // Vectors stay as they are: there is nothing to put in another order.
  if (b.shape_of(x.node).plane() == 1) return b.define(node, {x.node, 2});
  b.define(node, {b.add(node, std::make_shared<Flatten>(), {x.node}), 2});
}

void flatten(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const std::int64_t axis = integer_of(node, "axis", 1);
  if (axis != 1 && axis + static_cast<std::int64_t>(x.rank) != 1)
    throw Unsupported{"at another axis than 1"};
  flatten_to(b, node, x);
}

void reshape(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Tensor* list = b.constant(node, 1);
  const std::vector<std::int64_t> to =
      list != nullptr ? b.integers(*list) : integers_of(node, "shape", {});
  const Shape& s = b.shape_of(x.node);
  const std::int64_t features = s.c * s.h * s.w;
  // -1 takes what is left, 0 what was there. The first extent is the batch: 0, 1 or the file's own
  // before a -1, which would take a part of the batch or of the features otherwise.
  const bool rest =
      to.size() >= 2 && to[1] == -1 && (to[0] == 0 || to[0] == 1 || to[0] == b.batch());
  const bool flat = to.size() == 2 && (to[1] == features || rest || (to[1] == 0 && x.rank == 2));
  const bool column = to.size() == 4 && to[2] == 1 && to[3] == 1 && (to[1] == features || rest);
  const auto keeps = [&](std::size_t i, std::int64_t extent) {
    return to[i] == extent || to[i] == 0;
  };
  const bool same =
      to.size() == 4 && x.rank == 4 && keeps(1, s.c) && keeps(2, s.h) && keeps(3, s.w);
  if (flat) return flatten_to(b, node, x);
  if (same) return b.define(node, x);
  if (column && s.plane() == 1) return b.define(node, {x.node, 4});
  throw Unsupported{"to " + cutaway::weights::text_of(to) + ", which does not flatten"};
}

void squeeze(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Tensor* list = b.constant(node, 1);
  std::vector<std::int64_t> axes =
      list != nullptr ? b.integers(*list) : integers_of(node, "axes", {});
  for (std::int64_t& a : axes) a = a < 0 ? a + 4 : a;
  if (x.rank != 4 || b.shape_of(x.node).plane() != 1 || axes != std::vector<std::int64_t>{2, 3})
    throw Unsupported{"of other axes than rows and columns"};
  b.define(node, {x.node, 2});
}

void softmax(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const std::int64_t axis = integer_of(node, "axis", b.opset() < 13 ? 1 : -1);
  const bool channels = axis == 1 || axis + static_cast<std::int64_t>(x.rank) == 1;
  // Before version 13 everything from the axis on was one vector.
  if (!channels || (b.opset() < 13 && b.shape_of(x.node).plane() != 1))
    throw Unsupported{"along another axis than channels"};
  b.define(node, {b.add(node, std::make_shared<Softmax>(), {x.node}), x.rank});
}

void dropout(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  double ratio = number_of(node, "ratio", 0.5);
  if (const Tensor* t = b.constant(node, 1)) ratio = b.number(*t);
  if (const Tensor* t = b.constant(node, 2))
    (void)b.number(*t);  // training_mode: evaluation is what is imported
  if (!(ratio >= 0.0 && ratio < 1.0)) throw Unsupported{"with ratio " + std::to_string(ratio)};
  b.define(node,
           {b.add(node, std::make_shared<Dropout>(static_cast<float>(ratio)), {x.node}), x.rank});
}

void identity(Builder& b, const Node& node) { b.define(node, b.computed(node, 0)); }

void pad(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Tensor* list = b.constant(node, 1);
  const std::vector<std::int64_t> pads =
      list != nullptr ? b.integers(*list) : integers_of(node, "pads", {});
  const std::string mode = text_of(node, "mode", "constant");
  double value = number_of(node, "value", 0.0);
  if (const Tensor* t = b.constant(node, 2)) value = b.number(*t);
  if (b.constant(node, 3) != nullptr) throw Unsupported{"with axes"};
  if (x.rank != 4 || pads.size() != 8 || pads[0] != 0 || pads[1] != 0 || pads[4] != 0 ||
      pads[5] != 0) {
    throw Unsupported{"of other axes than rows and columns"};
  }
  if (mode != "reflect" && mode != "edge" && (mode != "constant" || value != 0.0))
    throw Unsupported{"with mode " + mode + ", value " + std::to_string(value)};
  for (const std::int64_t p : pads) (void)small(p, "padding");
  const auto kind = mode == "reflect" ? kernels::PadMode::kReflect
                    : mode == "edge"  ? kernels::PadMode::kEdge
                                      : kernels::PadMode::kZero;
  b.define(
      node,
      {b.add(node, std::make_shared<Pad>(pads[2], pads[6], pads[3], pads[7], kind), {x.node}), 4});
}

void no_constant(Builder&, const Node&) { throw Unsupported{"with a value of an unknown kind"}; }

struct Entry {
  const char* type;
  Operator convert;
};

// One line an operator, in alphabetical order.
constexpr std::array kOperators{
    Entry{"Add", add},
    Entry{"AveragePool", average_pool},
    Entry{"BatchNormalization", batch_norm},
    Entry{"Clip", clip},
    Entry{"Concat", concat},
    Entry{"Constant", no_constant},
    Entry{"Conv", conv},
    Entry{"Dropout", dropout},
    Entry{"Flatten", flatten},
    Entry{"Gemm", gemm},
    Entry{"GlobalAveragePool", global_pool<GlobalAveragePool>},
    Entry{"GlobalMaxPool", global_pool<GlobalMaxPool>},
    Entry{"Identity", identity},
    Entry{"LRN", lrn},
    Entry{"LeakyRelu", leaky_relu},
    Entry{"MatMul", mat_mul},
    Entry{"MaxPool", max_pool},
    Entry{"Pad", pad},
    Entry{"ReduceMean", reduce_mean},
    Entry{"Relu", relu},
    Entry{"Reshape", reshape},
    Entry{"Softmax", softmax},
    Entry{"Squeeze", squeeze},
    Entry{"Sum", add},
};

}  // namespace

Operator find_operator(const std::string& type) {
  for (const Entry& entry : kOperators) {
    if (type == entry.type) return entry.convert;
  }
  return nullptr;
}

std::vector<std::string> known_operators() {
  std::vector<std::string> names;
  for (const Entry& entry : kOperators) names.emplace_back(entry.type);
  return names;
}

}  // namespace cutaway::weights::onnx
