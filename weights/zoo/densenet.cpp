#include <array>

#include "layers/average_pool.h"
#include "layers/batch_norm.h"
#include "layers/concat.h"
#include "layers/max_pool.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {
namespace {

using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary

NodeId norm_relu(Graph& g, const std::string& norm, const std::string& rectifier, NodeId from) {
  return relu(g, rectifier, g.add(norm, std::make_shared<BatchNorm>(), {from}));
}

// Huang et al. 2017, table 1: growth rate 32, bottlenecks of four times as many channels.
constexpr std::int64_t kGrowth = 32, kBottleneck = 4 * kGrowth;
constexpr std::array<int, 4> kLayers{6, 12, 24, 16};

/// One layer: its maps join all those before it.
NodeId dense_layer(Graph& g, const std::string& name, NodeId from) {
  NodeId at = norm_relu(g, name + "norm1", name + "relu1", from);
  at = conv_plain(g, name + "conv1", at, {kBottleneck, 1});
  at = norm_relu(g, name + "norm2", name + "relu2", at);
  at = conv_plain(g, name + "conv2", at, {kGrowth, 3, 1, 1});
  return g.add(name + "concat", std::make_shared<Concat>(), {from, at});
}

NodeId transition(Graph& g, const std::string& name, NodeId from) {
  NodeId at = norm_relu(g, name + "norm", name + "relu", from);
  at = conv_plain(g, name + "conv", at, {g.node(from).shape.c / 2, 1});
  return g.add(name + "pool",
               std::make_shared<AveragePool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false, true),
               {at});
}

}  // namespace

ZooNet build_densenet121(const ZooOptions& options) {
  Graph g({1, 3, 224, 224});
  NodeId at = conv_plain(g, "features.conv0", 0, {64, 7, 2, 3});
  at = norm_relu(g, "features.norm0", "features.relu0", at);
  at = g.add("features.pool0",
             std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 1, 1}, false), {at});
  for (std::size_t block = 0; block < kLayers.size(); ++block) {
    const std::string number = std::to_string(block + 1);
    for (int layer = 1; layer <= kLayers[block]; ++layer) {
      at = dense_layer(
          g, "features.denseblock" + number + ".denselayer" + std::to_string(layer) + ".", at);
    }
    if (block + 1 < kLayers.size()) at = transition(g, "features.transition" + number + ".", at);
  }
  at = norm_relu(g, "features.norm5", "features.relu5", at);
  at = global_average_pool(g, "avgpool", at);
  softmax(g, "prob", dense(g, "classifier", at, classes_or(options.classes, 1000)));
  const Preprocess preprocess = preprocess_preset("torchvision", g.node(0).shape);
  return {std::move(g), preprocess, "imagenet"};
}

}  // namespace cutaway::weights
