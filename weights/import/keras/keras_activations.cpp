#include <array>

#include "layers/activation.h"
#include "layers/clip.h"
#include "layers/leaky_relu.h"
#include "layers/prelu.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "weights/import/keras/keras_layers.h"

// Keras' activations: layers of their own, and those named inside others.
namespace cutaway::weights {
namespace {

using kernels::Activation;

// tf.keras.activations.selu (Klambauer et al. 2017).
constexpr double kSeluAlpha = 1.6732632423543772, kSeluScale = 1.0507009873554805;

/// An activation that has a name and no numbers; null for others. `old`: as in Keras 1 and 2.
LayerPtr smooth_activation(const std::string& name, bool old) {
  struct Named {
    const char* name;
    Activation function;
  };
  static constexpr std::array kNamed{Named{"sigmoid", Activation::kSigmoid},
                                     Named{"tanh", Activation::kTanh},
                                     Named{"softplus", Activation::kSoftplus},
                                     Named{"softsign", Activation::kSoftsign},
                                     Named{"elu", Activation::kElu},
                                     Named{"silu", Activation::kSilu},
                                     Named{"swish", Activation::kSilu},
                                     Named{"mish", Activation::kMish},
                                     Named{"hard_silu", Activation::kHardSwish},
                                     Named{"hard_swish", Activation::kHardSwish}};
  for (const Named& n : kNamed) {
    if (name == n.name) return std::make_shared<ActivationLayer>(n.function);
  }
  if (name == "selu")
    return std::make_shared<ActivationLayer>(Activation::kElu, kSeluAlpha, kSeluScale);
  if (name == "hard_sigmoid") {
    // Keras 3 follows PyTorch: relu6(x + 3) / 6.
    return std::make_shared<ActivationLayer>(Activation::kHardSigmoid, old ? 0.2 : 1.0 / 6.0, 0.5);
  }
  return nullptr;
}

}  // namespace

// --- activations
// -----------------------------------------------------------------------------------

/// Null where there is none ("linear") or none of that name, which is a complaint. Keras' softmax
/// runs along the last axis.
LayerPtr KerasBuilder::activation_layer(const std::string& kind, NodeId in) {
  if (kind == "relu") return std::make_shared<Relu>();
  if (kind == "relu6") return std::make_shared<Clip>(0.0, 6.0);
  if (kind == "leaky_relu") return std::make_shared<LeakyRelu>(0.2);
  if (LayerPtr smooth = smooth_activation(kind, old_)) return smooth;
  if (kind == "softmax" || kind == "log_softmax") {
    if (!is_channel_axis(-1, in))
      complain("activation softmax along another axis than the channels");
    return std::make_shared<Softmax>(kind == "log_softmax");
  }
  if (kind == "gelu") return std::make_shared<ActivationLayer>(Activation::kGelu);
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

NodeId KerasBuilder::elu(const KerasLayer& layer, const Inputs& in) {
  const double alpha = number("alpha", 1.0);
  if (!(alpha > 0)) {
    complain("ELU with alpha " + std::to_string(alpha));
    return in[0];
  }
  return add(layer.node, std::make_shared<ActivationLayer>(Activation::kElu, alpha, 1.0), {in[0]});
}

NodeId KerasBuilder::prelu(const KerasLayer& layer, const Inputs& in) {
  const std::int64_t channels = graph_.node(in[0]).shape.c;
  const NodeId node = add(layer.node, std::make_shared<PReluLayer>(), {in[0]});
  Transform t;
  if (hwc_.contains(in[0])) t.hwc = hwc_[in[0]];
  const Json* shared = setting("shared_axes");
  if (!vectors_.contains(in[0]) &&
      (shared == nullptr || *shared != Json(last_ ? Json{1, 2} : Json{2, 3})))
    complain("slopes that differ between places (shared_axes other than rows and columns)");
  KerasWeight& slope = take(node, 0, "alpha", 0, t);
  slope.also =
      last_ ? std::vector<Extents>{{1, 1, channels}} : std::vector<Extents>{{channels, 1, 1}};
  return node;
}

}  // namespace cutaway::weights
