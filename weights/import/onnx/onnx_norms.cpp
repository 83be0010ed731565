#include <algorithm>

#include "layers/batch_norm.h"
#include "layers/elementwise.h"
#include "layers/group_norm.h"
#include "layers/layer_norm.h"
#include "layers/lrn.h"
#include "weights/import/onnx/onnx_operators.h"

// ONNX's normalisations.
namespace cutaway::weights::onnx {
namespace {

double epsilon_of(const Node& node) {
  const double eps = number_of(node, "epsilon", 1e-5);
  if (!(eps > 0.0 && eps < 1.0)) throw Unsupported{"with epsilon " + std::to_string(eps)};
  return eps;
}

const Tensor& vector_of(Builder& b, const Node& node, std::size_t i, std::int64_t extent) {
  const Tensor* t = b.constant(node, i);
  if (t == nullptr) throw Unsupported{"without input " + std::to_string(i)};
  if (t->extents != Extents{extent})
    throw Unsupported{"with weights of " + cutaway::weights::text_of(t->extents)};
  return *t;
}

/// Numbers of groups as numbers of their channels.
std::vector<float> repeated(const std::vector<float>& groups, std::int64_t channels) {
  std::vector<float> values;
  const auto each = static_cast<std::size_t>(channels) / groups.size();
  for (const float v : groups) values.insert(values.end(), each, v);
  return values;
}

}  // namespace

void batch_norm(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  if (integer_of(node, "training_mode", 0) != 0) throw Unsupported{"in training mode"};
  if (integer_of(node, "spatial", 1) != 1) throw Unsupported{"with spatial 0"};
  const NodeId id = b.add(node, std::make_shared<BatchNorm>(epsilon_of(node)), {x.node});
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

void instance_norm(Builder& b, const Node& node) {
  // PyTorch writes a group normalisation so: reshaped to N x groups x the rest, normalised, back.
  Computed x = b.pending(node, 0);
  const std::int64_t channels = b.shape_of(x.node).c;
  const bool groups = x.order.empty() && x.view.size() == 2 && channels % x.view[0] == 0;
  if (!groups && !x.plain()) x = b.computed(node, 0);
  if (x.rank < 3) throw Unsupported{"of vectors"};
  const std::int64_t count = b.extents_of(x)[0];
  const Tensor &scale = vector_of(b, node, 1, count), &shift = vector_of(b, node, 2, count);
  const NodeId id =
      b.add(node, std::make_shared<GroupNorm>(groups ? count : 0, epsilon_of(node)), {x.node});
  if (groups) {
    b.bind_values(id, 0, repeated(b.numbers(scale), channels));
    b.bind_values(id, 1, repeated(b.numbers(shift), channels));
  } else {
    b.bind(id, 0, scale);
    b.bind(id, 1, shift);
  }
  b.define(node, x.at(id));
}

void group_norm(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  if (x.rank < 3) throw Unsupported{"of vectors"};
  const std::int64_t groups = integer_of(node, "num_groups", 0), channels = b.shape_of(x.node).c;
  if (groups < 1 || channels % groups != 0)
    throw Unsupported{"with " + std::to_string(groups) + " groups"};
  // Version 18 had numbers a group; later ones have numbers a channel.
  const std::int64_t count = b.opset() < 21 ? groups : channels;
  const Tensor &scale = vector_of(b, node, 1, count), &shift = vector_of(b, node, 2, count);
  const NodeId id = b.add(node, std::make_shared<GroupNorm>(groups, epsilon_of(node)), {x.node});
  if (count == channels) {
    b.bind(id, 0, scale);
    b.bind(id, 1, shift);
  } else {
    b.bind_values(id, 0, repeated(b.numbers(scale), channels));
    b.bind_values(id, 1, repeated(b.numbers(shift), channels));
  }
  b.define(node, {id, x.rank});
}

void layer_norm(Builder& b, const Node& node) {
  Computed x = b.pending(node, 0);
  if (!x.view.empty()) x = b.computed(node, 0);
  const std::size_t axis = place_of(integer_of(node, "axis", -1), x.rank);
  if (axis == 0) throw Unsupported{"over the batch"};
  const Tensor* shift = b.constant(node, 2);
  if (axis == 1 && x.rank > 2) {  // the whole picture
    x = b.computed(node, 0);
    const auto whole = [&](kernels::BinaryOp op, const Tensor& t, const char* suffix) {
      const Shape s = b.shape_of(x.node);
      if (t.extents != b.extents_of(x))
        throw Unsupported{"with weights of " + cutaway::weights::text_of(t.extents)};
      const auto layer = std::make_shared<Elementwise>(op, Shape{1, s.c, s.h, s.w});
      x.node = b.add(node, layer, {x.node}, suffix);
      b.bind(x.node, 0, t, {}, {t.extents});
    };
    const Tensor* scale = b.constant(node, 1);
    if (scale == nullptr) throw Unsupported{"without input 1"};
    x.node =
        b.add(node, std::make_shared<GroupNorm>(1, epsilon_of(node), false), {x.node}, ".norm");
    whole(kernels::BinaryOp::kMultiply, *scale, shift == nullptr ? "" : ".scale");
    if (shift != nullptr) whole(kernels::BinaryOp::kAdd, *shift, "");
    return b.define(node, x);
  }
  if (axis + 1 != x.rank) throw Unsupported{"over several axes"};
  x = b.with_channels(node, x, axis - 1);
  const std::int64_t channels = b.shape_of(x.node).c;
  const NodeId id = b.add(node, std::make_shared<LayerNorm>(epsilon_of(node)), {x.node});
  b.bind(id, 0, vector_of(b, node, 1, channels));
  if (shift != nullptr) {
    b.bind(id, 1, vector_of(b, node, 2, channels));
  } else {
    b.bind_values(id, 1, {0.0F});
  }
  b.define(node, x.at(id));
}

}  // namespace cutaway::weights::onnx
