#include <cmath>
#include <limits>

#include "layers/activation.h"
#include "layers/clip.h"
#include "layers/elementwise.h"
#include "layers/leaky_relu.h"
#include "layers/prelu.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "weights/import/onnx/onnx_operators.h"

// ONNX's activation functions.
namespace cutaway::weights::onnx {
namespace {

using kernels::Activation;

void define_layer(Builder& b, const Node& node, LayerPtr layer) {
  const Computed x = b.pending(node, 0);
  b.define(node, x.at(b.add(node, std::move(layer), {x.node})));
}

}  // namespace

void relu(Builder& b, const Node& node) { define_layer(b, node, std::make_shared<Relu>()); }

void leaky_relu(Builder& b, const Node& node) {
  const double slope = number_of(node, "alpha", 0.01);
  if (!(slope >= 0.0 && slope <= 1.0)) throw Unsupported{"with slope " + std::to_string(slope)};
  LayerPtr layer = std::make_shared<Relu>();
  if (slope > 0.0) layer = std::make_shared<LeakyRelu>(slope);
  define_layer(b, node, std::move(layer));
}

void clip(Builder& b, const Node& node) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kLargest = 3e38;
  double low = number_of(node, "min", -kInfinity), high = number_of(node, "max", kInfinity);
  if (const Tensor* t = b.constant(node, 1)) low = b.number(*t);
  if (const Tensor* t = b.constant(node, 2)) high = b.number(*t);
  const bool below = low > -kLargest, above = high < kLargest;
  if (low == 0.0 && !above) return define_layer(b, node, std::make_shared<Relu>());
  if (below && above && low <= 0.0 && high >= 0.0 && low < high)
    return define_layer(b, node, std::make_shared<Clip>(low, high));
  if (!(low <= high)) throw Unsupported{"to an interval that is empty"};
  Computed x = b.pending(node, 0);
  const auto bound = [&](kernels::BinaryOp op, double value, const char* suffix) {
    x = x.at(b.add(node, std::make_shared<Elementwise>(op, Shape{1, 1, 1, 1}), {x.node}, suffix));
    b.bind_values(x.node, 0, {static_cast<float>(value)});
  };
  if (below) bound(kernels::BinaryOp::kMaximum, low, above ? ".low" : "");
  if (above) bound(kernels::BinaryOp::kMinimum, high, "");
  b.define(node, x);
}

void elu(Builder& b, const Node& node) {
  define_layer(
      b, node,
      std::make_shared<ActivationLayer>(Activation::kElu, number_of(node, "alpha", 1.0), 1.0));
}

void selu(Builder& b, const Node& node) {
  // The defaults of the operator, to float32's precision (Klambauer et al. 2017).
  const double alpha = number_of(node, "alpha", 1.67326319217681884765625);
  const double gamma = number_of(node, "gamma", 1.05070102214813232421875);
  define_layer(b, node, std::make_shared<ActivationLayer>(Activation::kElu, alpha, gamma));
}

void celu(Builder& b, const Node& node) {
  const double alpha = number_of(node, "alpha", 1.0);
  if (alpha != 1.0) throw Unsupported{"with alpha " + std::to_string(alpha)};
  define_layer(b, node, std::make_shared<ActivationLayer>(Activation::kElu));
}

void hard_sigmoid(Builder& b, const Node& node) {
  define_layer(
      b, node,
      std::make_shared<ActivationLayer>(Activation::kHardSigmoid, number_of(node, "alpha", 0.2),
                                        number_of(node, "beta", 0.5)));
}

void gelu(Builder& b, const Node& node) {
  const std::string kind = text_of(node, "approximate", "none");
  if (kind != "none" && kind != "tanh") throw Unsupported{"with the approximation " + kind};
  define_layer(b, node,
               std::make_shared<ActivationLayer>(kind == "tanh" ? Activation::kGeluTanh
                                                                : Activation::kGelu));
}

void swish(Builder& b, const Node& node) {
  define_layer(
      b, node,
      std::make_shared<ActivationLayer>(Activation::kSilu, number_of(node, "alpha", 1.0), 1.0));
}

void sigmoid(Builder& b, const Node& node) {
  define_layer(b, node, std::make_shared<ActivationLayer>(Activation::kSigmoid));
}
void tanh(Builder& b, const Node& node) {
  define_layer(b, node, std::make_shared<ActivationLayer>(Activation::kTanh));
}
void softsign(Builder& b, const Node& node) {
  define_layer(b, node, std::make_shared<ActivationLayer>(Activation::kSoftsign));
}
void softplus(Builder& b, const Node& node) {
  define_layer(b, node, std::make_shared<ActivationLayer>(Activation::kSoftplus));
}
void hard_swish(Builder& b, const Node& node) {
  define_layer(b, node, std::make_shared<ActivationLayer>(Activation::kHardSwish));
}
void mish(Builder& b, const Node& node) {
  define_layer(b, node, std::make_shared<ActivationLayer>(Activation::kMish));
}
void erf(Builder& b, const Node& node) {
  define_layer(b, node, std::make_shared<ActivationLayer>(Activation::kErf));
}

void prelu(Builder& b, const Node& node) {
  const Computed x = b.computed(node, 0);
  const Tensor* slope = b.constant(node, 1);
  const std::int64_t channels = b.shape_of(x.node).c;
  if (slope == nullptr || !broadcasts_along(slope->extents, channels, x.rank, 1))
    throw Unsupported{"with slopes that are neither one nor one a channel"};
  const NodeId id = b.add(node, std::make_shared<PReluLayer>(), {x.node});
  if (count_of(slope->extents) == 1) {
    b.bind_values(id, 0, {b.numbers(*slope)[0]});
  } else {
    b.bind(id, 0, *slope, {}, {slope->extents});
  }
  b.define(node, {id, x.rank});
}

namespace {

void softmax_over(Builder& b, const Node& node, bool log) {
  Computed x = b.pending(node, 0);
  const std::int64_t axis = integer_of(node, "axis", b.opset() < 13 ? 1 : -1);
  const std::size_t place = place_of(axis, x.rank);
  if (place == 0 && x.rank > 1) throw Unsupported{"along the batch"};
  if (x.rank > 1) {
    // Before version 13 everything from the axis on was one vector.
    if (b.opset() < 13 && place + 1 != x.rank) {
      const Extents e = b.extents_of(x);
      const Extents behind(e.begin() + static_cast<std::ptrdiff_t>(place), e.end());
      if (count_of(behind) != 1) throw Unsupported{"along several axes"};
    }
    x = b.with_channels(node, x, place - 1);
  }
  b.define(node, x.at(b.add(node, std::make_shared<Softmax>(log), {x.node})));
}

}  // namespace

void softmax(Builder& b, const Node& node) { softmax_over(b, node, false); }
void log_softmax(Builder& b, const Node& node) { softmax_over(b, node, true); }

}  // namespace cutaway::weights::onnx
