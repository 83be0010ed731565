#include <array>

#include "layers/add.h"
#include "layers/batch_norm.h"
#include "layers/clip.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {
namespace {

using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary

/// A convolution without bias, a batch normalisation and a ReLU6 at `name` with .0, .1 and .2
/// behind.
NodeId conv_norm_relu6(Graph& g, const std::string& name, NodeId from, const ConvSize& size) {
  const NodeId conv = conv_plain(g, name + ".0", from, size);
  const NodeId norm = g.add(name + ".1", std::make_shared<BatchNorm>(), {conv});
  return g.add(name + ".2", std::make_shared<Clip>(0.0, 6.0), {norm});
}

/// Sandler et al. 2018, figure 4: 1x1 up, 3x3 depthwise, 1x1 down without activation, and a
/// shortcut where extents allow it.
NodeId inverted_residual(Graph& g,
                         const std::string& name,
                         NodeId from,
                         std::int64_t expansion,
                         std::int64_t channels,
                         std::int32_t stride) {
  const std::int64_t in = g.node(from).shape.c;
  const std::int64_t wide = in * expansion;
  NodeId at = from;
  int part = 0;
  if (expansion != 1) {
    at = conv_norm_relu6(g, name + ".conv." + std::to_string(part++), at, {wide, 1});
  }
  at = conv_norm_relu6(g, name + ".conv." + std::to_string(part++), at,
                       {wide, 3, stride, 1, static_cast<std::int32_t>(wide)});
  at = conv_plain(g, name + ".conv." + std::to_string(part++), at, {channels, 1});
  at = g.add(name + ".conv." + std::to_string(part), std::make_shared<BatchNorm>(), {at});
  if (stride != 1 || in != channels) return at;
  return g.add(name + ".add", std::make_shared<Add>(), {from, at});
}

struct Stage {
  std::int64_t expansion, channels;
  int repeats;
  std::int32_t stride;
};
// Sandler et al. 2018, table 2.
constexpr std::array<Stage, 7> kStages{{{1, 16, 1, 1},
                                        {6, 24, 2, 2},
                                        {6, 32, 3, 2},
                                        {6, 64, 4, 2},
                                        {6, 96, 3, 1},
                                        {6, 160, 3, 2},
                                        {6, 320, 1, 1}}};

}  // namespace

ZooNet build_mobilenet_v2(const ZooOptions& options) {
  Graph g({1, 3, 224, 224});
  NodeId at = conv_norm_relu6(g, "features.0", 0, {32, 3, 2, 1});
  int block = 1;
  for (const Stage& s : kStages) {
    for (int i = 0; i < s.repeats; ++i) {
      at = inverted_residual(g, "features." + std::to_string(block++), at, s.expansion, s.channels,
                             i == 0 ? s.stride : 1);
    }
  }
  at = conv_norm_relu6(g, "features." + std::to_string(block), at, {1280, 1});
  at = global_average_pool(g, "avgpool", at);
  at = dropout(g, "classifier.0", at, 0.2F);
  softmax(g, "prob", dense(g, "classifier.1", at, classes_or(options.classes, 1000)));
  const Preprocess preprocess = preprocess_preset("torchvision", g.node(0).shape);
  return {std::move(g), preprocess, "imagenet"};
}

}  // namespace cutaway::weights
