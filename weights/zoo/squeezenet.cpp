#include "layers/concat.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {
namespace {

using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary

// What the parts of a fire module are called in some definition of the net.
struct FireNames {
  const char *squeeze, *squeeze_relu, *one, *one_relu, *three, *three_relu;
};
// "FireNet", the public weights of version 1.0; the paper's own prototxt (also of 1.1).
constexpr FireNames kFireNet{"conv1x1_1",      "relu_conv1x1_1", "conv1x1_2",
                             "relu_conv1x1_2", "conv3x3_2",      "relu_conv3x3_2"};
constexpr FireNames kPaper{"squeeze1x1",     "relu_squeeze1x1", "expand1x1",
                           "relu_expand1x1", "expand3x3",       "relu_expand3x3"};

// A fire module has as many maps in either expansion; `squeeze` and `expand` are its widths.
struct Fire {
  int number;
  std::int64_t squeeze, expand;
};
constexpr Fire kFires[] = {{2, 16, 64},  {3, 16, 64},  {4, 32, 128}, {5, 32, 128},
                           {6, 48, 192}, {7, 48, 192}, {8, 64, 256}, {9, 64, 256}};

NodeId fire(Graph& g, const std::string& prefix, const Fire& f, const FireNames& n, NodeId from) {
  const NodeId small =
      conv_relu(g, prefix + n.squeeze, prefix + n.squeeze_relu, from, {f.squeeze, 1});
  const NodeId one = conv_relu(g, prefix + n.one, prefix + n.one_relu, small, {f.expand, 1});
  const NodeId three =
      conv_relu(g, prefix + n.three, prefix + n.three_relu, small, {f.expand, 3, 1, 1});
  return g.add(prefix + "concat", std::make_shared<Concat>(), {one, three});
}

// With the other definition's names as aliases.
NodeId caffe_fire(
    Graph& g, const Fire& f, const FireNames& names, const FireNames& other, NodeId from) {
  const std::string prefix = "fire" + std::to_string(f.number) + "/";
  const NodeId at = fire(g, prefix, f, names, from);
  g.alias(prefix + other.squeeze, g.find(prefix + names.squeeze));
  g.alias(prefix + other.one, g.find(prefix + names.one));
  g.alias(prefix + other.three, g.find(prefix + names.three));
  return at;
}

// Nodes have telling names; aliases are torchvision's modules.
class TorchNet {
 public:
  explicit TorchNet(const ConvSize& first) : g_(Shape{1, 3, 224, 224}) {
    at_ = conv_relu(g_, "conv1", "relu_conv1", 0, first);
    alias(at_ - 1);
    alias(at_);
  }
  void pool(const std::string& name) {
    at_ = max_pool(g_, name, at_, 3, 2);
    alias(at_);
  }
  void add(const Fire& f) {
    const std::string module = "features." + std::to_string(next_++);
    const std::string prefix = "fire" + std::to_string(f.number) + "/";
    at_ = fire(g_, prefix, f, kPaper, at_);
    g_.alias(module + ".squeeze", g_.find(prefix + kPaper.squeeze));
    g_.alias(module + ".expand1x1", g_.find(prefix + kPaper.one));
    g_.alias(module + ".expand3x3", g_.find(prefix + kPaper.three));
    g_.alias(module, at_);
  }
  ZooNet finish(const ZooOptions& options) {
    at_ = dropout(g_, "drop9", at_, 0.5f);
    g_.alias("classifier.0", at_);
    at_ = conv_relu(g_, "conv10", "relu_conv10", at_, {classes_or(options.classes, 1000), 1});
    g_.alias("classifier.1", at_ - 1);
    g_.alias("classifier.2", at_);
    softmax(g_, "prob", global_average_pool(g_, "pool10", at_));
    return {std::move(g_), torchvision_imagenet(224), "imagenet"};
  }

 private:
  void alias(NodeId id) { g_.alias("features." + std::to_string(next_++), id); }

  Graph g_;
  NodeId at_{0};
  int next_{0};  // index in torchvision's `features`
};

}  // namespace

ZooNet build_squeezenet_caffe(const ZooOptions& options) {
  Graph g(Shape{1, 3, 227, 227});
  NodeId at = conv_relu(g, "conv1", "relu_conv1", 0, {96, 7, 2});
  at = max_pool(g, "pool1", at, 3, 2);
  for (const Fire& f : kFires) {
    at = caffe_fire(g, f, kFireNet, kPaper, at);
    if (f.number == 4 || f.number == 8) {
      at = max_pool(g, "pool" + std::to_string(f.number), at, 3, 2);
    }
  }
  at = dropout(g, "drop9", at, 0.5f);
  // Padding 1 around a 1x1 convolution: a border of biases, and it counts in the mean.
  at = conv_relu(g, "conv_final", "relu_conv_final", at,
                 {classes_or(options.classes, 1000), 1, 1, 1});
  g.alias("conv10", at - 1);
  g.alias("relu_conv10", at);
  at = global_average_pool(g, "pool_final", at);
  g.alias("pool10", at);
  softmax(g, "prob", at);
  return {std::move(g), caffe_imagenet(227, 104.0f, 117.0f, 123.0f), "imagenet"};
}

ZooNet build_squeezenet1_1_caffe(const ZooOptions& options) {
  Graph g(Shape{1, 3, 227, 227});
  NodeId at = conv_relu(g, "conv1", "relu_conv1", 0, {64, 3, 2});
  at = max_pool(g, "pool1", at, 3, 2);
  for (const Fire& f : kFires) {
    at = caffe_fire(g, f, kPaper, kFireNet, at);
    if (f.number == 3 || f.number == 5) {
      at = max_pool(g, "pool" + std::to_string(f.number), at, 3, 2);
    }
  }
  at = dropout(g, "drop9", at, 0.5f);
  at = conv_relu(g, "conv10", "relu_conv10", at, {classes_or(options.classes, 1000), 1});
  softmax(g, "prob", global_average_pool(g, "pool10", at));
  return {std::move(g), caffe_imagenet(227, 104.0f, 117.0f, 123.0f), "imagenet"};
}

ZooNet build_squeezenet_torchvision(const ZooOptions& options) {
  TorchNet net({96, 7, 2});
  net.pool("pool1");
  for (const Fire& f : kFires) {
    net.add(f);
    if (f.number == 4 || f.number == 8) net.pool("pool" + std::to_string(f.number));
  }
  return net.finish(options);
}

ZooNet build_squeezenet1_1_torchvision(const ZooOptions& options) {
  TorchNet net({64, 3, 2});
  net.pool("pool1");
  for (const Fire& f : kFires) {
    net.add(f);
    if (f.number == 3 || f.number == 5) net.pool("pool" + std::to_string(f.number));
  }
  return net.finish(options);
}

}  // namespace cutaway::weights
