#include "layers/pad.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {

ZooNet build_vgg19_quarter(const ZooOptions&) {
  using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary
  constexpr std::int32_t kSide = 224;
  constexpr std::int64_t kWidths[5] = {16, 32, 64, 128, 128};
  constexpr int kDepths[5] = {2, 2, 4, 4, 1};
  Graph g(Shape{1, 3, kSide, kSide});
  NodeId at = conv_bias(g, "conv0", 0, {3, 1});
  for (int b = 0; b < 5; ++b) {
    for (int i = 1; i <= kDepths[b]; ++i) {
      const std::string number = std::to_string(b + 1) + std::to_string(i);
      at = g.add("pad" + number, std::make_shared<Pad>(1, 1, 1, 1, kernels::PadMode::kReflect),
                 {at});
      at = conv_relu(g, "conv" + number, "relu" + number, at, {kWidths[b], 3});
      g.alias("conv" + std::to_string(b + 1) + "_" + std::to_string(i), at - 1);
      g.alias("relu" + std::to_string(b + 1) + "_" + std::to_string(i), at);
    }
    if (b < 4) at = max_pool(g, "pool" + std::to_string(b + 1), at, 2, 2);
  }
  // conv0 turns this into BGR, 0..255, minus the mean.
  Preprocess p;
  p.scale = 1.0F / 255.0F;
  p.resize = ResizeRule::kWarp;
  p.width = p.height = kSide;
  p.interpolation = Interpolation::kBilinearPil;
  return {std::move(g), p, ""};
}

}  // namespace cutaway::weights
