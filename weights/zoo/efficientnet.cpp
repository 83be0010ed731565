#include <algorithm>
#include <array>

#include "layers/activation.h"
#include "layers/add.h"
#include "layers/batch_norm.h"
#include "layers/elementwise.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {
namespace {

using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary

NodeId activate(Graph& g, const std::string& name, NodeId from, kernels::Activation function) {
  return g.add(name, std::make_shared<ActivationLayer>(function), {from});
}

/// A convolution without bias and a batch normalisation at `name` with .0 and .1 behind, and a SiLU
/// at .2 if wanted.
NodeId conv_norm(
    Graph& g, const std::string& name, NodeId from, const ConvSize& size, bool activated = true) {
  const NodeId conv = conv_plain(g, name + ".0", from, size);
  const NodeId norm = g.add(name + ".1", std::make_shared<BatchNorm>(), {conv});
  return activated ? activate(g, name + ".2", norm, kernels::Activation::kSilu) : norm;
}

/// Squeeze and excitation (Hu et al. 2018): maps times a gate a channel, made from their means.
NodeId squeeze_excitation(Graph& g, const std::string& name, NodeId from, std::int64_t squeezed) {
  const std::int64_t channels = g.node(from).shape.c;
  NodeId at = global_average_pool(g, name + ".avgpool", from);
  at = conv_bias(g, name + ".fc1", at, {squeezed, 1});
  at = activate(g, name + ".activation", at, kernels::Activation::kSilu);
  at = conv_bias(g, name + ".fc2", at, {channels, 1});
  at = activate(g, name + ".scale_activation", at, kernels::Activation::kSigmoid);
  return g.add(name + ".scale", std::make_shared<Elementwise>(kernels::BinaryOp::kMultiply),
               {from, at});
}

struct Stage {
  std::int64_t expansion;
  std::int32_t kernel, stride;
  std::int64_t channels;
  int repeats;
};

/// The inverted residual with squeeze and excitation of Tan & Le 2019, with the shortcut where
/// extents allow it. Stochastic depth is the identity in evaluation.
NodeId mb_conv(
    Graph& g, const std::string& name, NodeId from, const Stage& s, std::int32_t stride) {
  const std::int64_t in = g.node(from).shape.c;
  const std::int64_t wide = in * s.expansion;
  NodeId at = from;
  int part = 0;
  const auto next = [&] { return name + ".block." + std::to_string(part++); };
  if (s.expansion != 1) at = conv_norm(g, next(), at, {wide, 1});
  at = conv_norm(g, next(), at,
                 {wide, s.kernel, stride, (s.kernel - 1) / 2, static_cast<std::int32_t>(wide)});
  at = squeeze_excitation(g, next(), at, std::max<std::int64_t>(1, in / 4));
  at = conv_norm(g, next(), at, {s.channels, 1}, false);
  if (stride != 1 || in != s.channels) return at;
  return g.add(name + ".add", std::make_shared<Add>(), {at, from});
}

// Tan & Le 2019, table 1.
constexpr std::array<Stage, 7> kStages{{{1, 3, 1, 16, 1},
                                        {6, 3, 2, 24, 2},
                                        {6, 5, 2, 40, 2},
                                        {6, 3, 2, 80, 3},
                                        {6, 5, 1, 112, 3},
                                        {6, 5, 2, 192, 4},
                                        {6, 3, 1, 320, 1}}};

}  // namespace

ZooNet build_efficientnet_b0(const ZooOptions& options) {
  Graph g({1, 3, 224, 224});
  NodeId at = conv_norm(g, "features.0", 0, {32, 3, 2, 1});
  int stage = 1;
  for (const Stage& s : kStages) {
    const std::string name = "features." + std::to_string(stage++) + ".";
    for (int i = 0; i < s.repeats; ++i)
      at = mb_conv(g, name + std::to_string(i), at, s, i == 0 ? s.stride : 1);
  }
  at = conv_norm(g, "features." + std::to_string(stage), at, {1280, 1});
  at = global_average_pool(g, "avgpool", at);
  at = dropout(g, "classifier.0", at, 0.2F);
  softmax(g, "prob", dense(g, "classifier.1", at, classes_or(options.classes, 1000)));
  Preprocess preprocess = preprocess_preset("torchvision", g.node(0).shape);
  preprocess.interpolation = Interpolation::kCubicPil;  // EfficientNet_B0_Weights.IMAGENET1K_V1
  return {std::move(g), preprocess, "imagenet"};
}

}  // namespace cutaway::weights
