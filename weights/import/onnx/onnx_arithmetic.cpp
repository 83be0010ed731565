#include <algorithm>
#include <numeric>

#include "layers/add.h"
#include "layers/elementwise.h"
#include "weights/import/onnx/onnx_operators.h"

// ONNX's arithmetic, element by element with broadcasting, of computed values and constants.
namespace cutaway::weights::onnx {
namespace {

using kernels::BinaryOp;

/// A constant operand as the maps of a value have it.
struct Operand {
  Shape shape{1, 1, 1, 1};
  const Tensor* tensor{};
  bool in_order{true};  ///< the tensor's numbers are in the order of the maps
  Extents extents{};    ///< the tensor's own, as many as the value has axes behind the batch
  std::vector<std::size_t> order{};  ///< axis i of those is axis order[i] of the maps
};

/// The extents of a constant behind the batch, as ONNX counts axes: from the last. Throws
/// Unsupported when it makes the value one of more axes, or of more pictures.
Extents aligned(const Tensor& t, std::size_t rank) {
  if (t.extents.size() > rank || (t.extents.size() == rank && rank > 1 && t.extents[0] != 1)) {
    throw Unsupported{"of a constant of " + cutaway::weights::text_of(t.extents) +
                      ", which makes more axes or pictures of it"};
  }
  const std::size_t axes = std::max<std::size_t>(rank, 2) - 1;
  Extents e(axes, 1);
  const std::size_t own = std::min(t.extents.size(), axes);
  std::copy_n(t.extents.end() - static_cast<std::ptrdiff_t>(own), own,
              e.end() - static_cast<std::ptrdiff_t>(own));
  return e;
}

/// Where the constant `t` stands beside `x`, whose view is carried out.
Operand operand(const Builder& b, const Tensor& t, const Computed& x) {
  Operand o;
  o.tensor = &t;
  o.extents = aligned(t, x.rank);
  o.order = x.order;
  if (o.order.empty()) {
    o.order.resize(o.extents.size());
    std::iota(o.order.begin(), o.order.end(), std::size_t{0});
  }
  const Shape& s = b.shape_of(x.node);
  std::int64_t* places[3] = {&o.shape.c, &o.shape.h, &o.shape.w};
  std::vector<std::size_t> longer;
  for (std::size_t i = 0; i < o.extents.size(); ++i) {
    const std::int64_t e = o.extents[i];
    if (e == 1) continue;
    longer.push_back(o.order[i]);
    if (x.rank == 3 && o.order[i] == 1 && e == s.h * s.w) {  // rows and columns in one
      o.shape.h = s.h;
      o.shape.w = s.w;
    } else {
      *places[o.order[i]] = e;
    }
  }
  o.in_order = std::is_sorted(longer.begin(), longer.end());
  return o;
}

/// The constant's numbers in the order of the maps.
std::vector<float> ordered_numbers(Builder& b, const Operand& o) {
  const std::vector<float> values = b.numbers(*o.tensor);
  if (o.in_order) return values;
  std::vector<float> result(values.size());
  const std::size_t rank = o.extents.size();
  // Strides in the maps of the constant's axes.
  Extents maps(rank, 1), strides(rank, 1);
  for (std::size_t i = 0; i < rank; ++i) maps[o.order[i]] = o.extents[i];
  for (std::size_t i = 0; i < rank; ++i) {
    for (std::size_t k = o.order[i] + 1; k < rank; ++k) strides[i] *= maps[k];
  }
  Extents index(rank, 0);
  for (const float v : values) {
    std::int64_t at = 0;
    for (std::size_t i = 0; i < rank; ++i) at += index[i] * strides[i];
    result[static_cast<std::size_t>(at)] = v;
    for (std::size_t i = rank; i-- > 0;) {
      if (++index[i] < o.extents[i]) break;
      index[i] = 0;
    }
  }
  return result;
}

/// y = gamma x + beta for one number, or one a channel; nothing for other operations.
std::optional<Affine> affine_of(BinaryOp op, bool constant_first, std::vector<float> v) {
  switch (op) {
    case BinaryOp::kAdd:
      return Affine{{1.0F}, std::move(v)};
    case BinaryOp::kSubtract:
      if (constant_first) return Affine{{-1.0F}, std::move(v)};
      for (float& x : v) x = -x;
      return Affine{{1.0F}, std::move(v)};
    case BinaryOp::kMultiply:
      return Affine{std::move(v), {0.0F}};
    case BinaryOp::kDivide:
      if (constant_first) return std::nullopt;
      for (float& x : v) x = 1.0F / x;
      return Affine{std::move(v), {0.0F}};
    default:
      return std::nullopt;
  }
}

/// `x` op a constant.
Computed with_constant(Builder& b, const Node& node, BinaryOp op, std::size_t constant) {
  const Tensor* t = b.constant(node, constant);
  Computed x = b.pending(node, 1 - constant);
  const std::size_t axes = std::max<std::size_t>(x.rank, 2) - 1;
  // What broadcasts everywhere does not mind in which order the numbers are.
  if (!x.view.empty() && (count_of(t->extents) != 1 || t->extents.size() > axes + 1))
    x = b.computed(node, 1 - constant);
  const Operand o = x.view.empty() ? operand(b, *t, x) : Operand{{1, 1, 1, 1}, t};
  const bool per_channel =
      o.shape.h == 1 && o.shape.w == 1 && (o.shape.c == 1 || o.shape.c == b.shape_of(x.node).c);
  if (per_channel) {
    if (auto affine = affine_of(op, constant == 0, b.numbers(*t)))
      return x.at(b.add_affine(node, x.node, *affine));
  }
  const NodeId id =
      b.add(node, std::make_shared<Elementwise>(op, o.shape, constant == 0), {x.node});
  b.bind_values(id, 0, ordered_numbers(b, o));
  return x.at(id);
}

Computed of_two(Builder& b, const Node& node, BinaryOp op, Computed x, std::size_t i) {
  Computed y = b.pending(node, i);
  const auto alike = [&] { return x.rank == y.rank && x.view == y.view && x.order == y.order; };
  const auto same_maps = [&] { return b.shape_of(x.node) == b.shape_of(y.node); };
  // Of equal extents, numbers in equal order; or maps with extents of 1.
  if (!(alike() && (x.view.empty() ? x.rank == 4 || same_maps() : same_maps()))) {
    y = b.computed(node, i);
    if (!x.plain()) x = b.carried_out(x, node.inputs.at(0));
    if (x.rank != y.rank) throw Unsupported{"of values of different ranks"};
    const Shape &s = b.shape_of(x.node), &t = b.shape_of(y.node);
    if (x.rank == 3 && !same_maps() && s.plane() > 1 && t.plane() > 1)
      throw Unsupported{"of values of three axes that are stored in different ways"};
  }
  if (op == BinaryOp::kAdd && same_maps())
    return x.at(b.add(node, std::make_shared<Add>(), {x.node, y.node}));
  return x.at(b.add(node, std::make_shared<Elementwise>(op), {x.node, y.node}));
}

/// All inputs, which are computed values of equal extents, in one sum.
bool sum_of_many(Builder& b, const Node& node) {
  std::vector<NodeId> nodes;
  const Computed first = b.pending(node, 0);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Computed x = b.pending(node, i);
    if (x.rank != first.rank || x.view != first.view || x.order != first.order ||
        !(b.shape_of(x.node) == b.shape_of(first.node)))
      return false;
    nodes.push_back(x.node);
  }
  b.define(node, first.at(b.add(node, std::make_shared<Add>(), nodes)));
  return true;
}

/// In version 1 to 6 operands were only broadcast where the node said so, and from which axis.
void refuse_old_broadcasting(const Builder& b, const Node& node) {
  if (b.opset() < 7 && integer_of(node, "broadcast", 0) != 0 && node.attributes.contains("axis"))
    throw Unsupported{"with the broadcasting of operator sets before 7"};
}

void combine(Builder& b, const Node& node, BinaryOp op) {
  refuse_old_broadcasting(b, node);
  const std::size_t count = node.inputs.size();
  std::size_t constants = 0;
  for (std::size_t i = 0; i < count; ++i) constants += b.is_constant(node, i) ? 1U : 0U;
  if (count == 1) return b.define(node, b.pending(node, 0));
  if (count == 2 && constants == 1)
    return b.define(node, with_constant(b, node, op, b.is_constant(node, 0) ? 0 : 1));
  if (constants > 0 || count == 0) throw Unsupported{"of constants alone, or more than one"};
  if (op == BinaryOp::kAdd && sum_of_many(b, node)) return;
  Computed x = b.pending(node, 0);
  for (std::size_t i = 1; i < count; ++i) x = of_two(b, node, op, x, i);
  b.define(node, x);
}

}  // namespace

void add(Builder& b, const Node& node) { combine(b, node, BinaryOp::kAdd); }
void subtract(Builder& b, const Node& node) { combine(b, node, BinaryOp::kSubtract); }
void multiply(Builder& b, const Node& node) { combine(b, node, BinaryOp::kMultiply); }
void divide(Builder& b, const Node& node) { combine(b, node, BinaryOp::kDivide); }
void maximum(Builder& b, const Node& node) { combine(b, node, BinaryOp::kMaximum); }
void minimum(Builder& b, const Node& node) { combine(b, node, BinaryOp::kMinimum); }

void negate(Builder& b, const Node& node) {
  const Computed x = b.pending(node, 0);
  b.define(node, x.at(b.add_affine(node, x.node, {{-1.0F}, {0.0F}})));
}

}  // namespace cutaway::weights::onnx
