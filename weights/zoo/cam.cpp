#include "layers/global_pool.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"
#include "weights/zoo/trunks.h"

namespace cutaway::weights {
namespace {

using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary

// The layers that Zhou et al. put on a trunk: 3x3 convolution of 1024 maps, pooling of the whole
// plane, one fully connected layer. The released definitions give the convolution two groups; the
// paper's text mentions none.
struct Head {
  std::int32_t groups;
  bool drops;
  bool maximum;
};

void finish(Graph& g, NodeId at, const Head& head, std::int64_t classes) {
  at = conv_relu(g, "CAM_conv", "CAM_relu", at, {1024, 3, 1, 1, head.groups});
  if (head.maximum) {
    at = g.add("CAM_pool", std::make_shared<GlobalMaxPool>(), {at});
  } else {
    at = global_average_pool(g, "CAM_pool", at);
  }
  if (head.drops) at = dropout(g, "CAM_dropout", at, 0.5f);
  softmax(g, "prob", dense(g, "CAM_fc", at, classes));
}

ZooNet on_vgg16(const Head& head, const ZooOptions& options) {
  Graph g(Shape{1, 3, 224, 224});
  finish(g, vgg16_trunk(g), head, classes_or(options.classes, 1000));
  return {std::move(g), caffe_imagenet(224, 103.939f, 116.779f, 123.68f), "imagenet"};
}

ZooNet on_googlenet(bool maximum, std::int64_t classes, const char* labels) {
  Graph g(Shape{1, 3, 224, 224});
  finish(g, googlenet_trunk(g), {2, false, maximum}, classes);
  return {std::move(g), caffe_imagenet(224, 104.0f, 117.0f, 123.0f), labels};
}

}  // namespace

ZooNet build_alexnet_gap(const ZooOptions& options) {
  Graph g(Shape{1, 3, 227, 227});
  finish(g, alexnet_trunk(g), {1, false, false}, classes_or(options.classes, 1000));
  return {std::move(g), caffe_imagenet(227, 104.007f, 116.669f, 122.679f), "imagenet"};
}

ZooNet build_alexnet_plus_cam(const ZooOptions& options) {
  Graph g(Shape{1, 3, 227, 227});
  NodeId at = conv_relu(g, "conv1", "relu1", 0, {96, 11, 4});
  at = lrn(g, "norm1", max_pool(g, "pool1", at, 3, 2));
  at = conv_relu(g, "conv2", "relu2", at, {256, 5, 1, 2, 2});
  at = lrn(g, "norm2", max_pool(g, "pool2", at, 3, 2));
  at = conv_relu(g, "conv3", "relu3", at, {384, 3, 1, 1});
  at = conv_relu(g, "conv4", "relu4", at, {384, 3, 1, 1, 2});
  at = conv_relu(g, "conv5", "relu5", at, {384, 3, 1, 1, 2});
  // Stride 1: 13 x 13 becomes 11 x 11.
  at = max_pool(g, "pool5", at, 3, 1);
  at = conv_relu(g, "conv6", "relu6", at, {512, 3, 1, 1, 2});
  at = conv_relu(g, "conv7", "relu7", at, {512, 3, 1, 1, 2});
  at = dropout(g, "drop7", global_average_pool(g, "pool7", at), 0.5f);
  softmax(g, "prob", dense(g, "fc8", at, classes_or(options.classes, 1000)));
  return {std::move(g), caffe_imagenet(227, 104.007f, 116.669f, 122.679f), "imagenet"};
}

ZooNet build_googlenet_cam(const ZooOptions& options) {
  return on_googlenet(false, classes_or(options.classes, 1000), "imagenet");
}

ZooNet build_googlenet_cam_places(const ZooOptions& options) {
  return on_googlenet(false, classes_or(options.classes, 205), "places205");
}

ZooNet build_googlenet_gmp(const ZooOptions& options) {
  return on_googlenet(true, classes_or(options.classes, 1000), "imagenet");
}

ZooNet build_vgg16_cam(const ZooOptions& options) { return on_vgg16({2, true, false}, options); }

ZooNet build_vgg16_gap(const ZooOptions& options) { return on_vgg16({1, false, false}, options); }

}  // namespace cutaway::weights
