#include "layers/concat.h"
#include "layers/global_pool.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {
namespace {

using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary

// Names as in the public Caffe weights ("FireNet"); those of the paper's own prototxt are aliases.
NodeId fire(Graph& g, int number, NodeId from, std::int64_t squeeze, std::int64_t expand) {
  const std::string name = "fire" + std::to_string(number) + "/";
  const auto conv = [&](const char* part, NodeId input, const ConvSize& size) {
    return conv_relu(g, name + part, name + "relu_" + part, input, size);
  };
  const NodeId small = conv("conv1x1_1", from, {squeeze, 1});
  const NodeId one = conv("conv1x1_2", small, {expand, 1});
  const NodeId three = conv("conv3x3_2", small, {expand, 3, 1, 1});
  // A convolution stands right before its ReLU.
  g.alias(name + "squeeze1x1", small - 1);
  g.alias(name + "expand1x1", one - 1);
  g.alias(name + "expand3x3", three - 1);
  return g.add(name + "concat", std::make_shared<Concat>(), {one, three});
}

}  // namespace

ZooNet build_squeezenet_caffe(const ZooOptions& options) {
  Graph g(Shape{1, 3, 227, 227});
  NodeId at = conv_relu(g, "conv1", "relu_conv1", 0, {96, 7, 2});
  at = max_pool(g, "pool1", at, 3, 2);
  at = fire(g, 4, fire(g, 3, fire(g, 2, at, 16, 64), 16, 64), 32, 128);
  at = max_pool(g, "pool4", at, 3, 2);
  at = fire(g, 6, fire(g, 5, at, 32, 128), 48, 192);
  at = fire(g, 8, fire(g, 7, at, 48, 192), 64, 256);
  at = max_pool(g, "pool8", at, 3, 2);
  at = dropout(g, "drop9", fire(g, 9, at, 64, 256), 0.5f);
  // Padding 1 around a 1x1 convolution: a border of biases, and it counts in the mean.
  at = conv_relu(g, "conv_final", "relu_conv_final", at,
                 {classes_or(options.classes, 1000), 1, 1, 1});
  g.alias("conv10", at - 1);
  g.alias("relu_conv10", at);
  at = g.add("pool_final", std::make_shared<GlobalAveragePool>(), {at});
  g.alias("pool10", at);
  softmax(g, "prob", at);
  return {std::move(g), caffe_imagenet(227, 104.0f, 117.0f, 123.0f), "imagenet"};
}

}  // namespace cutaway::weights
