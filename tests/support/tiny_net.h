#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "weights/package.h"

namespace cutaway::tests {

/// A net of `side` x `side` pixels that is explained in a millisecond: two convolutions, global
/// pooling, four classes. Pictures are warped to it.
inline weights::Package tiny_net(std::uint64_t seed = 3, std::int64_t side = 32) {
  Graph g({1, 3, side, side});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  g.add("conv1", std::make_shared<Conv>(8, three));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("conv2", std::make_shared<Conv>(6, three));
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(4));
  Model model(std::move(g));
  model.parameters = Parameters::initialized(model.graph, seed);
  weights::Preprocess rule;
  rule.mean = {127.5F, 127.5F, 127.5F};
  rule.std = {64.0F, 64.0F, 64.0F};
  rule.resize = weights::ResizeRule::kWarp;
  rule.width = rule.height = static_cast<int>(side);
  return {std::move(model), rule, {"ant", "bee", "cat", "dog"}, {}};
}

}  // namespace cutaway::tests
