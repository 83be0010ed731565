#include "weights/import/onnx/onnx_operators.h"

#include <array>

#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/global_pool.h"

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

/// A matrix times every vector along the last axis: where that axis is the channels of maps, a
/// convolution of 1 x 1.
void mat_mul(Builder& b, const Node& node) {
  const Tensor* w = b.constant(node, 1);
  if (w == nullptr || w->extents.size() != 2)
    throw Unsupported{"of other things than vectors and a matrix"};
  Computed x = b.pending(node, 0);
  if (x.rank < 2) throw Unsupported{"of a batch that is left out"};
  const std::int64_t features = channels_of(w->extents, 1);
  x = b.with_channels(node, x, x.rank - 2);
  if (b.shape_of(x.node).c != w->extents[0]) throw Unsupported{"with a matrix that does not fit"};
  const Tensor* bias = b.absorb_bias(node, features, x.rank, x.rank - 1);
  const bool vectors = x.rank == 2;
  LayerPtr layer = std::make_shared<Dense>(features, bias != nullptr);
  const kernels::ConvGeometry point{1, 1, 1, 1, 0, 0, 1, 1, 1};
  if (!vectors) layer = std::make_shared<Conv>(features, point, bias != nullptr);
  const NodeId id = b.add(node, std::move(layer), {x.node});
  Transform t;
  t.axes = {1, 0};
  b.bind(id, 0, *w, t, {{features, w->extents[0]}});
  if (bias != nullptr) b.bind(id, 1, *bias, {}, {bias->extents});
  b.define(node, x.at(id));
}

// --- what does nothing in evaluation
// ---------------------------------------------------------------

void dropout(Builder& b, const Node& node) {
  const Computed x = b.pending(node, 0);
  double ratio = number_of(node, "ratio", 0.5);
  if (const Tensor* t = b.constant(node, 1)) ratio = b.number(*t);
  if (const Tensor* t = b.constant(node, 2); t != nullptr && b.number(*t) != 0)
    throw Unsupported{"in training mode"};
  if (!(ratio >= 0.0 && ratio < 1.0)) throw Unsupported{"with ratio " + std::to_string(ratio)};
  b.define(node, x.at(b.add(node, std::make_shared<Dropout>(static_cast<float>(ratio)), {x.node})));
}

void identity(Builder& b, const Node& node) { b.define(node, b.pending(node, 0)); }

// Everything is float32 here, so between floating-point types nothing is to be done.
void cast(Builder& b, const Node& node) {
  const Computed x = b.pending(node, 0);
  if (!is_floating(element_type(integer_of(node, "to", 0))))
    throw Unsupported{"of the picture to integers"};
  b.define(node, x);
}

void no_constant(Builder&, const Node&) { throw Unsupported{"with a value of an unknown kind"}; }

// One line an operator, in alphabetical order, with its attributes (a space behind each).
constexpr std::array kOperators{
    Operator{"Add", add, "axis broadcast consumed_inputs "},
    Operator{"AveragePool", average_pool,
             "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides "},
    Operator{"BatchNormalization", batch_norm,
             "consumed_inputs epsilon is_test momentum spatial training_mode "},
    Operator{"Cast", cast, "to saturate "},
    Operator{"Celu", celu, "alpha "},
    Operator{"Clip", clip, "consumed_inputs max min "},
    Operator{"Concat", concat, "axis "},
    Operator{"Constant", no_constant,
             "sparse_value value value_float value_floats value_int value_ints value_string "
             "value_strings "},
    Operator{"Conv", conv, "auto_pad dilations group kernel_shape pads strides "},
    Operator{"ConvTranspose", conv_transpose,
             "auto_pad dilations group kernel_shape output_padding output_shape pads strides "},
    Operator{"DepthToSpace", depth_to_space, "blocksize mode "},
    Operator{"Div", divide, "axis broadcast consumed_inputs "},
    Operator{"Dropout", dropout, "consumed_inputs is_test ratio seed "},
    Operator{"Elu", elu, "alpha consumed_inputs "},
    Operator{"Erf", erf, ""},
    Operator{"Flatten", flatten, "axis "},
    Operator{"Gather", gather, "axis "},
    Operator{"Gelu", gelu, "approximate "},
    Operator{"Gemm", gemm, "alpha beta broadcast transA transB "},
    Operator{"GlobalAveragePool", global_pool<GlobalAveragePool>, ""},
    Operator{"GlobalMaxPool", global_pool<GlobalMaxPool>, ""},
    Operator{"GroupNormalization", group_norm, "epsilon num_groups stash_type "},
    Operator{"HardSigmoid", hard_sigmoid, "alpha beta consumed_inputs "},
    Operator{"HardSwish", hard_swish, ""},
    Operator{"Identity", identity, ""},
    Operator{"InstanceNormalization", instance_norm, "consumed_inputs epsilon "},
    Operator{"LRN", lrn, "alpha beta bias size "},
    Operator{"LayerNormalization", layer_norm, "axis epsilon stash_type "},
    Operator{"LeakyRelu", leaky_relu, "alpha consumed_inputs "},
    Operator{"LogSoftmax", log_softmax, "axis "},
    Operator{"MatMul", mat_mul, ""},
    Operator{"Max", maximum, "consumed_inputs "},
    Operator{"MaxPool", max_pool,
             "auto_pad ceil_mode dilations kernel_shape pads storage_order strides "},
    Operator{"Min", minimum, "consumed_inputs "},
    Operator{"Mish", mish, ""},
    Operator{"Mul", multiply, "axis broadcast consumed_inputs "},
    Operator{"Neg", negate, "consumed_inputs "},
    Operator{"PRelu", prelu, "consumed_inputs "},
    Operator{"Pad", pad, "mode pads value "},
    Operator{"ReduceMax", reduce_max, "axes keepdims noop_with_empty_axes "},
    Operator{"ReduceMean", reduce_mean, "axes keepdims noop_with_empty_axes "},
    Operator{"ReduceSum", reduce_sum, "axes keepdims noop_with_empty_axes "},
    Operator{"Relu", relu, "consumed_inputs "},
    Operator{"Reshape", reshape, "allowzero consumed_inputs shape "},
    Operator{"Resize", resize,
             "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside "
             "extrapolation_value keep_aspect_ratio_policy mode nearest_mode "},
    Operator{"Selu", selu, "alpha consumed_inputs gamma "},
    Operator{"Sigmoid", sigmoid, "consumed_inputs "},
    Operator{"Slice", slice, "axes ends starts "},
    Operator{"Softmax", softmax, "axis "},
    Operator{"Softplus", softplus, ""},
    Operator{"Softsign", softsign, ""},
    Operator{"SpaceToDepth", space_to_depth, "blocksize "},
    Operator{"Split", split, "axis num_outputs split ", true},
    Operator{"Squeeze", squeeze, "axes "},
    Operator{"Sub", subtract, "axis broadcast consumed_inputs "},
    Operator{"Sum", add, "consumed_inputs "},
    Operator{"Swish", swish, "alpha "},
    Operator{"Tanh", tanh, "consumed_inputs "},
    Operator{"Transpose", transpose, "perm "},
    Operator{"Unsqueeze", unsqueeze, "axes "},
    Operator{"Upsample", upsample, "height_scale mode scales width_scale "},
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
