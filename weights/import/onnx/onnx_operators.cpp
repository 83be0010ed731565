#include "weights/import/onnx/onnx_operators.h"

#include <array>
#include <cmath>
#include <limits>

#include "layers/add.h"
#include "layers/batch_norm.h"
#include "layers/clip.h"
#include "layers/concat.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/global_pool.h"
#include "layers/leaky_relu.h"
#include "layers/lrn.h"
#include "layers/relu.h"
#include "layers/softmax.h"

namespace cutaway::weights::onnx {

std::int64_t channels_of(const Extents& extents, std::size_t axis) {
  if (extents.size() <= axis || extents[axis] < 1)
    throw Unsupported{"with weights of " + cutaway::weights::text_of(extents)};
  return extents[axis];
}

namespace {

template <class L>
void global_pool(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  if (x.rank < 3) throw Unsupported{"of vectors"};
  b.define(node, {b.add(node, std::make_shared<L>(), {x.node}), x.rank});
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
  if (x.rank != 2) throw Unsupported{"of other things than vectors"};
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
  const Tensor* bias = b.absorb_bias(node, features, 2);
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

void concat(Builder& b, const Node& node) {
  std::vector<NodeId> inputs;
  Computed x;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const std::size_t rank = x.rank;
    x = b.computed(node, i);
    if (i > 0 && x.rank != rank) throw Unsupported{"of values of different ranks"};
    inputs.push_back(x.node);
  }
  const std::int64_t axis = integer_of(node, "axis", std::numeric_limits<std::int64_t>::min());
  if (inputs.empty() || x.rank < 2 || (axis != 1 && axis + static_cast<std::int64_t>(x.rank) != 1))
    throw Unsupported{"along another axis than channels"};
  if (inputs.size() == 1) return b.define(node, x);
  b.define(node, {b.add(node, std::make_shared<Concat>(), inputs), x.rank});
}

// --- arithmetic with constants, and sums
// -----------------------------------------------------------

/// Sets `x` to the one computed input of a node of two, and returns the place of the other, a
/// constant.
std::size_t constant_beside(Builder& b, const Node& node, Computed& x) {
  if (node.inputs.size() != 2) throw Unsupported{"of other than two values"};
  const std::size_t constant = b.is_constant(node, 0) ? 0 : 1;
  if (!b.is_constant(node, constant)) throw Unsupported{"of two computed values"};
  x = b.computed(node, 1 - constant);
  return constant;
}

void define_affine(Builder& b, const Node& node, const Computed& x, const Affine& affine) {
  b.define(node, {b.add_affine(node, x.node, affine), x.rank});
}

void add(Builder& b, const Node& node) {
  if (b.is_constant(node, 0) || b.is_constant(node, 1)) {
    Computed x;
    const std::size_t constant = constant_beside(b, node, x);
    return define_affine(b, node, x, {{1.0F}, b.per_channel(node, constant, x)});
  }
  std::vector<NodeId> inputs;
  const Computed x = b.computed(node, 0);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Computed other = b.computed(node, i);
    inputs.push_back(other.node);
    if (!(b.shape_of(other.node) == b.shape_of(x.node)) || other.rank != x.rank)
      throw Unsupported{"of values of different extents"};
  }
  if (inputs.size() < 2) throw Unsupported{"of one value"};
  b.define(node, {b.add(node, std::make_shared<Add>(), inputs), x.rank});
}

void subtract(Builder& b, const Node& node) {
  Computed x;
  const std::size_t constant = constant_beside(b, node, x);
  std::vector<float> values = b.per_channel(node, constant, x);
  if (constant == 0) return define_affine(b, node, x, {{-1.0F}, values});
  for (float& v : values) v = -v;
  define_affine(b, node, x, {{1.0F}, values});
}

void multiply(Builder& b, const Node& node) {
  Computed x;
  const std::size_t constant = constant_beside(b, node, x);
  define_affine(b, node, x, {b.per_channel(node, constant, x), {0.0F}});
}

void divide(Builder& b, const Node& node) {
  Computed x;
  const std::size_t constant = constant_beside(b, node, x);
  if (constant == 0) throw Unsupported{"of a constant by a computed value"};
  std::vector<float> values = b.per_channel(node, constant, x);
  for (float& v : values) v = 1.0F / v;
  define_affine(b, node, x, {values, {0.0F}});
}

// --- what does nothing in evaluation
// ---------------------------------------------------------------

void softmax(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const std::int64_t axis = integer_of(node, "axis", b.opset() < 13 ? 1 : -1);
  const std::int64_t wanted = x.rank == 1 ? 0 : 1;
  const bool channels = axis == wanted || axis + static_cast<std::int64_t>(x.rank) == wanted;
  // Before version 13 everything from the axis on was one vector.
  if (!channels || (b.opset() < 13 && b.shape_of(x.node).plane() != 1))
    throw Unsupported{"along another axis than channels"};
  b.define(node, {b.add(node, std::make_shared<Softmax>(), {x.node}), x.rank});
}

void dropout(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  double ratio = number_of(node, "ratio", 0.5);
  if (const Tensor* t = b.constant(node, 1)) ratio = b.number(*t);
  if (const Tensor* t = b.constant(node, 2); t != nullptr && b.number(*t) != 0)
    throw Unsupported{"in training mode"};
  if (!(ratio >= 0.0 && ratio < 1.0)) throw Unsupported{"with ratio " + std::to_string(ratio)};
  b.define(node,
           {b.add(node, std::make_shared<Dropout>(static_cast<float>(ratio)), {x.node}), x.rank});
}

void identity(Builder& b, const Node& node) { b.define(node, b.computed(node, 0)); }

// Everything is float32 here, so between floating-point types nothing is to be done.
void cast(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  if (!is_floating(element_type(integer_of(node, "to", 0))))
    throw Unsupported{"of the picture to integers"};
  b.define(node, x);
}

void no_constant(Builder&, const Node&) { throw Unsupported{"with a value of an unknown kind"}; }

// One line an operator, in alphabetical order, with its attributes (a space behind each).
constexpr std::array kOperators{
    Operator{"Add", add, ""},
    Operator{"AveragePool", average_pool,
             "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides "},
    Operator{"BatchNormalization", batch_norm, "epsilon momentum spatial training_mode "},
    Operator{"Cast", cast, "to saturate "},
    Operator{"Clip", clip, "max min "},
    Operator{"Concat", concat, "axis "},
    Operator{"Constant", no_constant,
             "sparse_value value value_float value_floats value_int value_ints value_string "
             "value_strings "},
    Operator{"Conv", conv, "auto_pad dilations group kernel_shape pads strides "},
    Operator{"Div", divide, ""},
    Operator{"Dropout", dropout, "ratio seed "},
    Operator{"Flatten", flatten, "axis "},
    Operator{"Gemm", gemm, "alpha beta transA transB "},
    Operator{"GlobalAveragePool", global_pool<GlobalAveragePool>, ""},
    Operator{"GlobalMaxPool", global_pool<GlobalMaxPool>, ""},
    Operator{"Identity", identity, ""},
    Operator{"LRN", lrn, "alpha beta bias size "},
    Operator{"LeakyRelu", leaky_relu, "alpha "},
    Operator{"MatMul", mat_mul, ""},
    Operator{"MaxPool", max_pool,
             "auto_pad ceil_mode dilations kernel_shape pads storage_order strides "},
    Operator{"Mul", multiply, ""},
    Operator{"Pad", pad, "mode pads value "},
    Operator{"ReduceMean", reduce_mean, "axes keepdims noop_with_empty_axes "},
    Operator{"Relu", relu, ""},
    Operator{"Reshape", reshape, "allowzero shape "},
    Operator{"Softmax", softmax, "axis "},
    Operator{"Squeeze", squeeze, "axes "},
    Operator{"Sub", subtract, ""},
    Operator{"Sum", add, ""},
    Operator{"Unsqueeze", unsqueeze, "axes "},
};

}  // namespace

const Operator* find_operator(const std::string& type) {
  for (const Operator& op : kOperators) {
    if (type == op.type) return &op;
  }
  return nullptr;
}

std::vector<std::string> known_operators() {
  std::vector<std::string> names;
  for (const Operator& op : kOperators) names.emplace_back(op.type);
  return names;
}

}  // namespace cutaway::weights::onnx
