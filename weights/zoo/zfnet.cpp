#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {

ZooNet build_zfnet(const ZooOptions& options) {
  using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary
  Graph g(Shape{1, 3, 224, 224});
  // The paper gives kernels, strides and extents; these paddings are the ones that produce them.
  NodeId at = conv_relu(g, "conv1", "relu1", 0, {96, 7, 2, 1});
  at = lrn(g, "norm1", max_pool(g, "pool1", at, 3, 2));
  at = conv_relu(g, "conv2", "relu2", at, {256, 5, 2});
  at = lrn(g, "norm2", max_pool(g, "pool2", at, 3, 2));
  at = conv_relu(g, "conv3", "relu3", at, {384, 3, 1, 1});
  at = conv_relu(g, "conv4", "relu4", at, {384, 3, 1, 1});
  at = conv_relu(g, "conv5", "relu5", at, {256, 3, 1, 1});
  at = max_pool(g, "pool5", at, 3, 2);
  at = dropout(g, "drop6", relu(g, "relu6", dense(g, "fc6", at, 4096)), 0.5f);
  at = dropout(g, "drop7", relu(g, "relu7", dense(g, "fc7", at, 4096)), 0.5f);
  softmax(g, "prob", dense(g, "fc8", at, classes_or(options.classes, 1000)));
  // The paper subtracts a mean image from RGB pictures; these are ImageNet's channel means.
  Preprocess p = torchvision_imagenet(224);
  p.scale = 1.0f;
  p.mean = {123.68f, 116.779f, 103.939f};
  p.std = {1.0f, 1.0f, 1.0f};
  p.crop_offset = CropOffset::kFloor;
  return {std::move(g), p, "imagenet"};
}

}  // namespace cutaway::weights
