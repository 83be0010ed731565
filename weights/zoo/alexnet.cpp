#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"
#include "weights/zoo/trunks.h"

namespace cutaway::weights {
namespace zoo_pieces {

namespace {

// conv3 to relu5: the same in AlexNet and CaffeNet.
NodeId upper_convolutions(Graph& g, NodeId at) {
  at = conv_relu(g, "conv3", "relu3", at, {384, 3, 1, 1});
  at = conv_relu(g, "conv4", "relu4", at, {384, 3, 1, 1, 2});
  return conv_relu(g, "conv5", "relu5", at, {256, 3, 1, 1, 2});
}

// pool5 to prob.
ZooNet with_classifier(Graph g, NodeId at, const ZooOptions& options) {
  at = max_pool(g, "pool5", at, 3, 2);
  at = dropout(g, "drop6", relu(g, "relu6", dense(g, "fc6", at, 4096)), 0.5f);
  at = dropout(g, "drop7", relu(g, "relu7", dense(g, "fc7", at, 4096)), 0.5f);
  softmax(g, "prob", dense(g, "fc8", at, classes_or(options.classes, 1000)));
  // BVLC subtracts a mean image; these are its channel means.
  return {std::move(g), caffe_imagenet(227, 104.007f, 116.669f, 122.679f), "imagenet"};
}

}  // namespace

NodeId alexnet_trunk(Graph& g) {
  NodeId at = conv_relu(g, "conv1", "relu1", 0, {96, 11, 4});
  at = max_pool(g, "pool1", lrn(g, "norm1", at), 3, 2);
  at = conv_relu(g, "conv2", "relu2", at, {256, 5, 1, 2, 2});
  at = max_pool(g, "pool2", lrn(g, "norm2", at), 3, 2);
  return upper_convolutions(g, at);
}

}  // namespace zoo_pieces

using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary

ZooNet build_alexnet_caffe(const ZooOptions& options) {
  Graph g(Shape{1, 3, 227, 227});
  const NodeId at = alexnet_trunk(g);
  return with_classifier(std::move(g), at, options);
}

ZooNet build_caffenet(const ZooOptions& options) {
  Graph g(Shape{1, 3, 227, 227});
  NodeId at = conv_relu(g, "conv1", "relu1", 0, {96, 11, 4});
  at = lrn(g, "norm1", max_pool(g, "pool1", at, 3, 2));
  at = conv_relu(g, "conv2", "relu2", at, {256, 5, 1, 2, 2});
  at = lrn(g, "norm2", max_pool(g, "pool2", at, 3, 2));
  at = upper_convolutions(g, at);
  return with_classifier(std::move(g), at, options);
}

ZooNet build_alexnet_torchvision(const ZooOptions& options) {
  Graph g(Shape{1, 3, 224, 224});
  int feature = 0;  // index in torchvision's `features`
  const auto conv = [&](const char* number, NodeId from, const ConvSize& size) {
    const std::string n = number;
    const NodeId at = conv_relu(g, "conv" + n, "relu" + n, from, size);
    g.alias("features." + std::to_string(feature++), at - 1);
    g.alias("features." + std::to_string(feature++), at);
    return at;
  };
  const auto pool = [&](const char* name, NodeId from) {
    const NodeId at = max_pool_floor(g, name, from, 3, 2);
    g.alias("features." + std::to_string(feature++), at);
    return at;
  };
  NodeId at = pool("pool1", conv("1", 0, {64, 11, 4, 2}));
  at = pool("pool2", conv("2", at, {192, 5, 1, 2}));
  at = conv("4", conv("3", at, {384, 3, 1, 1}), {256, 3, 1, 1});
  at = pool("pool5", conv("5", at, {256, 3, 1, 1}));
  // The adaptive average to 6 x 6 that stands here changes nothing at 224 x 224.
  const auto named = [&](const char* alias, NodeId id) {
    g.alias(alias, id);
    return id;
  };
  at = named("classifier.0", dropout(g, "drop6", at, 0.5f));
  at = named("classifier.1", dense(g, "fc6", at, 4096));
  at = named("classifier.2", relu(g, "relu6", at));
  at = named("classifier.3", dropout(g, "drop7", at, 0.5f));
  at = named("classifier.4", dense(g, "fc7", at, 4096));
  at = named("classifier.5", relu(g, "relu7", at));
  at = named("classifier.6", dense(g, "fc8", at, classes_or(options.classes, 1000)));
  softmax(g, "prob", at);
  return {std::move(g), torchvision_imagenet(224), "imagenet"};
}

}  // namespace cutaway::weights
