#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {

ZooNet build_alexnet_caffe(const ZooOptions& options) {
  using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary
  Graph g(Shape{1, 3, 227, 227});
  NodeId at = conv_relu(g, "conv1", "relu1", 0, {96, 11, 4});
  at = max_pool(g, "pool1", lrn(g, "norm1", at), 3, 2);
  at = conv_relu(g, "conv2", "relu2", at, {256, 5, 1, 2, 2});
  at = max_pool(g, "pool2", lrn(g, "norm2", at), 3, 2);
  at = conv_relu(g, "conv3", "relu3", at, {384, 3, 1, 1});
  at = conv_relu(g, "conv4", "relu4", at, {384, 3, 1, 1, 2});
  at = conv_relu(g, "conv5", "relu5", at, {256, 3, 1, 1, 2});
  at = max_pool(g, "pool5", at, 3, 2);
  at = dropout(g, "drop6", relu(g, "relu6", dense(g, "fc6", at, 4096)), 0.5f);
  at = dropout(g, "drop7", relu(g, "relu7", dense(g, "fc7", at, 4096)), 0.5f);
  softmax(g, "prob", dense(g, "fc8", at, classes_or(options.classes, 1000)));
  // BVLC subtracts a mean image; these are its channel means.
  return {std::move(g), caffe_imagenet(227, 104.007f, 116.669f, 122.679f), "imagenet"};
}

}  // namespace cutaway::weights
