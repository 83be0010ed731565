#include "layers/batch_norm.h"
#include "layers/global_pool.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {
namespace {

// Convolution without bias, batch normalisation, ReLU.
NodeId block(Graph& g, const std::string& number, NodeId from, std::int64_t channels) {
  const NodeId conv = zoo_pieces::conv_plain(g, "conv" + number, from, {channels, 3, 1, 1});
  const NodeId norm = g.add("bn" + number, std::make_shared<BatchNorm>(), {conv});
  return zoo_pieces::relu(g, "relu" + number, norm);
}

}  // namespace

ZooNet build_gap_small(const ZooOptions& options) {
  using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary
  constexpr std::int32_t kSide = 96;
  Graph g(Shape{1, 3, kSide, kSide});
  // Widths are multiples of 16, the channel block of the CPU engines. The last unit sees 70 x 70
  // pixels.
  NodeId at = max_pool(g, "pool1", block(g, "1", 0, 16), 2, 2);
  at = max_pool(g, "pool2", block(g, "2", at, 32), 2, 2);
  at = max_pool(g, "pool3", block(g, "3", at, 64), 2, 2);
  at = block(g, "4", at, 96);
  at = block(g, "5", at, 96);
  at = block(g, "6", at, 96);
  at = g.add("gap", std::make_shared<GlobalAveragePool>(), {at});
  softmax(g, "prob", dense(g, "fc", at, classes_or(options.classes, 10)));
  Preprocess p;
  p.mean = {127.5f, 127.5f, 127.5f};
  p.std = {64.0f, 64.0f, 64.0f};
  p.resize = ResizeRule::kShortSide;
  p.short_side = kSide;
  p.interpolation = Interpolation::kBilinearPil;
  p.crop = CropRule::kCenter;
  p.crop_width = p.crop_height = kSide;
  return {std::move(g), p, ""};
}

}  // namespace cutaway::weights
