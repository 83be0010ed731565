#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {
namespace {

constexpr std::int64_t kWidths[5] = {64, 128, 256, 512, 512};
constexpr int kDepths[5] = {2, 2, 3, 3, 3};

}  // namespace

ZooNet build_vgg16(const ZooOptions& options) {
  using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary
  Graph g(Shape{1, 3, 224, 224});
  NodeId at = 0;
  int feature = 0;  // index in torchvision's `features`
  const auto torch = [&](NodeId id) { g.alias("features." + std::to_string(feature++), id); };
  for (int b = 0; b < 5; ++b) {
    const std::string block = std::to_string(b + 1);
    for (int i = 1; i <= kDepths[b]; ++i) {
      const std::string suffix = block + "_" + std::to_string(i);
      at = conv_relu(g, "conv" + suffix, "relu" + suffix, at, {kWidths[b], 3, 1, 1});
      g.alias("block" + block + "_conv" + std::to_string(i), at - 1);  // Keras
      torch(at - 1);
      torch(at);
    }
    at = max_pool(g, "pool" + block, at, 2, 2);
    g.alias("block" + block + "_pool", at);
    torch(at);
  }
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
  g.alias("fc1", g.find("fc6"));
  g.alias("fc2", g.find("fc7"));
  g.alias("predictions", at);
  softmax(g, "prob", at);
  return {std::move(g), caffe_imagenet(224, 103.939f, 116.779f, 123.68f), "imagenet"};
}

}  // namespace cutaway::weights
