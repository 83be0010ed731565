#include "layers/conv.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {

ZooNet build_lenet(const ZooOptions& options) {
  using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary
  constexpr std::int32_t kSide = 28;
  Graph g(Shape{1, 1, kSide, kSide});
  // Caffe's LeNet has no ReLU behind its convolutions.
  const kernels::ConvGeometry five{5, 5, 1, 1, 0, 0, 1, 1, 1};
  NodeId at = g.add("conv1", std::make_shared<Conv>(20, five), {0});
  at = max_pool(g, "pool1", at, 2, 2);
  at = g.add("conv2", std::make_shared<Conv>(50, five), {at});
  at = max_pool(g, "pool2", at, 2, 2);
  at = relu(g, "relu1", dense(g, "ip1", at, 500));
  softmax(g, "prob", dense(g, "ip2", at, classes_or(options.classes, 10)));
  Preprocess p;
  p.order = ColorOrder::kGray;
  p.scale = 1.0f / 256.0f;
  p.resize = ResizeRule::kWarp;
  p.width = p.height = kSide;
  p.interpolation = Interpolation::kBilinearPil;
  return {std::move(g), p, "mnist"};
}

}  // namespace cutaway::weights
