#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {

ZooNet build_nin(const ZooOptions& options) {
  using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary
  Graph g(Shape{1, 3, 224, 224});
  NodeId at = conv_relu(g, "conv1", "relu0", 0, {96, 11, 4});
  at = conv_relu(g, "cccp1", "relu1", at, {96, 1});
  at = conv_relu(g, "cccp2", "relu2", at, {96, 1});
  at = max_pool(g, "pool0", at, 3, 2);
  at = conv_relu(g, "conv2", "relu3", at, {256, 5, 1, 2});
  at = conv_relu(g, "cccp3", "relu5", at, {256, 1});
  at = conv_relu(g, "cccp4", "relu6", at, {256, 1});
  at = max_pool(g, "pool2", at, 3, 2);
  at = conv_relu(g, "conv3", "relu7", at, {384, 3, 1, 1});
  at = conv_relu(g, "cccp5", "relu8", at, {384, 1});
  at = conv_relu(g, "cccp6", "relu9", at, {384, 1});
  at = dropout(g, "drop", max_pool(g, "pool3", at, 3, 2), 0.5f);
  at = conv_relu(g, "conv4-1024", "relu10", at, {1024, 3, 1, 1});
  at = conv_relu(g, "cccp7-1024", "relu11", at, {1024, 1});
  at = conv_relu(g, "cccp8-1024", "relu12", at, {classes_or(options.classes, 1000), 1});
  softmax(g, "prob", global_average_pool(g, "pool4", at));
  return {std::move(g), caffe_imagenet(224, 104.0f, 117.0f, 123.0f), "imagenet"};
}

}  // namespace cutaway::weights
