#include "layers/batch_norm.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"
#include "weights/zoo/trunks.h"

namespace cutaway::weights {
namespace zoo_pieces {
namespace {

constexpr std::int64_t kWidths[5] = {64, 128, 256, 512, 512};

struct Depths {
  int blocks[5];
};
// Configurations A, B, D and E of the paper's table 1.
constexpr Depths kVgg11{{1, 1, 2, 2, 2}};
constexpr Depths kVgg13{{2, 2, 2, 2, 2}};
constexpr Depths kVgg16{{2, 2, 3, 3, 3}};
constexpr Depths kVgg19{{2, 2, 4, 4, 4}};

// The convolutions and pools, with torchvision's and Keras' names as aliases. Returns pool5, or
// relu5_x without `last_pool`.
NodeId features(Graph& g, const Depths& depths, bool norms, bool last_pool) {
  NodeId at = 0;
  int feature = 0;  // index in torchvision's `features`
  const auto torch = [&](NodeId id) { g.alias("features." + std::to_string(feature++), id); };
  for (int b = 0; b < 5; ++b) {
    const std::string block = std::to_string(b + 1);
    for (int i = 1; i <= depths.blocks[b]; ++i) {
      const std::string suffix = block + "_" + std::to_string(i);
      const NodeId conv = conv_bias(g, "conv" + suffix, at, {kWidths[b], 3, 1, 1});
      torch(conv);
      if (!norms) g.alias("block" + block + "_conv" + std::to_string(i), conv);  // Keras
      at = conv;
      if (norms) {
        at = g.add("bn" + suffix, std::make_shared<BatchNorm>(), {conv});
        torch(at);
      }
      at = relu(g, "relu" + suffix, at);
      if (!norms) g.alias("block" + block + "_conv" + std::to_string(i) + "_relu", at);
      torch(at);
    }
    if (b == 4 && !last_pool) break;
    at = max_pool(g, "pool" + block, at, 2, 2);
    if (!norms) g.alias("block" + block + "_pool", at);
    torch(at);
  }
  return at;
}

Graph vgg(const Depths& depths, bool norms, const ZooOptions& options) {
  Graph g(Shape{1, 3, 224, 224});
  NodeId at = features(g, depths, norms, true);
  int classifier = 0;
  const auto head = [&](NodeId id) {
    g.alias("classifier." + std::to_string(classifier++), id);
    return id;
  };
  for (const char* number : {"6", "7"}) {
    const std::string n = number;
    at = head(dense(g, "fc" + n, at, 4096));
    at = head(relu(g, "relu" + n, at));
    at = head(dropout(g, "drop" + n, at, 0.5f));
  }
  at = head(dense(g, "fc8", at, classes_or(options.classes, 1000)));
  if (!norms) {
    g.alias("fc1", g.find("fc6"));
    g.alias("fc2", g.find("fc7"));
    g.alias("fc1_relu", g.find("relu6"));
    g.alias("fc2_relu", g.find("relu7"));
    g.alias("predictions", at);
  }
  at = softmax(g, "prob", at);
  if (!norms) g.alias("predictions_softmax", at);
  return g;
}

// The weights of the paper's authors, from Caffe; Keras ships the same.
ZooNet published_by_the_authors(Graph g) { return {std::move(g), vgg_preprocess(224), "imagenet"}; }

}  // namespace

NodeId vgg16_trunk(Graph& g) { return features(g, kVgg16, false, false); }

}  // namespace zoo_pieces

using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary

ZooNet build_vgg11(const ZooOptions& options) {
  return {vgg(kVgg11, false, options), torchvision_imagenet(224), "imagenet"};
}

ZooNet build_vgg13(const ZooOptions& options) {
  return {vgg(kVgg13, false, options), torchvision_imagenet(224), "imagenet"};
}

ZooNet build_vgg16(const ZooOptions& options) {
  return published_by_the_authors(vgg(kVgg16, false, options));
}

ZooNet build_vgg16_bn(const ZooOptions& options) {
  return {vgg(kVgg16, true, options), torchvision_imagenet(224), "imagenet"};
}

ZooNet build_vgg19(const ZooOptions& options) {
  return published_by_the_authors(vgg(kVgg19, false, options));
}

}  // namespace cutaway::weights
