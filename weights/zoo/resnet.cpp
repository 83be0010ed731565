#include "layers/add.h"
#include "layers/batch_norm.h"
#include "layers/conv.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {
namespace {

using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary

/// Builds residual nets with torchvision's names.
class Builder {
 public:
  /// folded: convolutions have biases and there is no batch normalisation.
  Builder(const Shape& input, bool folded) : graph_(input), folded_(folded) {}

  NodeId conv(const std::string& conv, const std::string& norm, NodeId from, const ConvSize& s) {
    const kernels::ConvGeometry g{s.kernel, s.kernel, s.stride, s.stride, s.pad,
                                  s.pad,    1,        1,        s.groups};
    const NodeId id = graph_.add(conv, std::make_shared<Conv>(s.channels, g, folded_), {from});
    return folded_ ? id : graph_.add(norm, std::make_shared<BatchNorm>(), {id});
  }

  // He et al. 2016, figure 5 left: two 3x3 convolutions around an identity or a 1x1 projection.
  NodeId basic(const std::string& name, NodeId from, std::int64_t channels, std::int32_t stride) {
    NodeId at = conv(name + "conv1", name + "bn1", from, {channels, 3, stride, 1});
    at = relu(graph_, name + "relu1", at);
    at = conv(name + "conv2", name + "bn2", at, {channels, 3, 1, 1});
    return join(name, at, from, channels, stride);
  }

  // Figure 5 right, with the stride in the 3x3 convolution as torchvision has it.
  NodeId bottleneck(const std::string& name,
                    NodeId from,
                    std::int64_t channels,
                    std::int32_t stride) {
    NodeId at = conv(name + "conv1", name + "bn1", from, {channels, 1});
    at = relu(graph_, name + "relu1", at);
    at = conv(name + "conv2", name + "bn2", at, {channels, 3, stride, 1});
    at = relu(graph_, name + "relu2", at);
    at = conv(name + "conv3", name + "bn3", at, {4 * channels, 1});
    return join(name, at, from, 4 * channels, stride);
  }

  Graph& graph() { return graph_; }

 private:
  NodeId join(
      const std::string& name, NodeId at, NodeId from, std::int64_t channels, std::int32_t stride) {
    if (stride != 1 || graph_.node(from).shape.c != channels) {
      const std::string projection = folded_ ? name + "shortcut" : name + "downsample.0";
      from = conv(projection, name + "downsample.1", from, {channels, 1, stride});
    }
    at = graph_.add(name + "add", std::make_shared<Add>(), {at, from});
    return relu(graph_, name + "relu", at);
  }

  Graph graph_;
  bool folded_;
};

// torchvision/models/resnet.py; He et al. 2016, table 1.
ZooNet imagenet_resnet(const std::array<int, 4>& depths,
                       bool bottleneck,
                       const ZooOptions& options) {
  Builder b({1, 3, 224, 224}, false);
  Graph& g = b.graph();
  NodeId at = relu(g, "relu", b.conv("conv1", "bn1", 0, {64, 7, 2, 3}));
  // Rounded down, unlike Caffe's pooling.
  at = g.add("maxpool", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 1, 1}, false),
             {at});
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t channels = std::int64_t{64} << stage;
    for (int block = 0; block < depths[static_cast<std::size_t>(stage)]; ++block) {
      const std::string name =
          "layer" + std::to_string(stage + 1) + "." + std::to_string(block) + ".";
      const std::int32_t stride = stage > 0 && block == 0 ? 2 : 1;
      at = bottleneck ? b.bottleneck(name, at, channels, stride)
                      : b.basic(name, at, channels, stride);
    }
  }
  at = g.add("avgpool", std::make_shared<GlobalAveragePool>(), {at});
  softmax(g, "prob", dense(g, "fc", at, classes_or(options.classes, 1000)));
  const Preprocess preprocess = preprocess_preset("torchvision", g.node(0).shape);
  return {std::move(g), preprocess, "imagenet"};
}

// He et al. 2016, section 4.2: 6n + 2 layers; projections (option B) where extents change.
ZooNet cifar_resnet(int n, bool folded, const ZooOptions& options) {
  Builder b({1, 3, 32, 32}, folded);
  Graph& g = b.graph();
  NodeId at = relu(g, "relu", b.conv("conv1", "bn1", 0, {16, 3, 1, 1}));
  for (int stage = 0; stage < 3; ++stage) {
    for (int block = 0; block < n; ++block) {
      const std::string name =
          "layer" + std::to_string(stage + 1) + "." + std::to_string(block) + ".";
      at = b.basic(name, at, std::int64_t{16} << stage, stage > 0 && block == 0 ? 2 : 1);
    }
  }
  at = g.add("avgpool", std::make_shared<GlobalAveragePool>(), {at});
  softmax(g, "prob", dense(g, "fc", at, classes_or(options.classes, 10)));
  const Preprocess preprocess = preprocess_preset("torchvision", g.node(0).shape);
  return {std::move(g), preprocess, "cifar10"};
}

}  // namespace

ZooNet build_resnet18(const ZooOptions& o) { return imagenet_resnet({2, 2, 2, 2}, false, o); }
ZooNet build_resnet34(const ZooOptions& o) { return imagenet_resnet({3, 4, 6, 3}, false, o); }
ZooNet build_resnet50(const ZooOptions& o) { return imagenet_resnet({3, 4, 6, 3}, true, o); }
ZooNet build_cifar_resnet20(const ZooOptions& o) { return cifar_resnet(3, false, o); }
ZooNet build_cifar_resnet20_folded(const ZooOptions& o) { return cifar_resnet(3, true, o); }
ZooNet build_cifar_resnet56(const ZooOptions& o) { return cifar_resnet(9, false, o); }

}  // namespace cutaway::weights
