#pragma once

#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "layers/model.h"
#include "layers/relu.h"

namespace cutaway::tests {

/// GOLD-1: one tiny net whose every intermediate value and explanation is known by hand:
/// 1x4x4 -> conv1 2@3x3 p1 -> ReLU -> max 2x2 s2 -> conv2 2@1x1 -> ReLU -> GAP -> FC 2.
inline Model gold1() {
  Graph g(Shape{1, 1, 4, 4});
  g.add("conv1", std::make_shared<Conv>(2, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("conv2", std::make_shared<Conv>(2, kernels::ConvGeometry{}));
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(2));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  const auto set = [&](const char* node, std::size_t which, std::initializer_list<float> values) {
    std::copy(values.begin(), values.end(),
              m.parameters.of(m.graph.find(node))[which].f32().begin());
  };
  set("conv1", 0, {1, 0, -1, 1, 0, -1, 1, 0, -1, 0, 1, 0, 1, -2, 1, 0, 1, 0});
  set("conv1", 1, {0, -1});
  set("conv2", 0, {1, -1, -1, 2});
  set("conv2", 1, {1, 0});
  set("fc", 0, {2, -1, -1, 3});
  set("fc", 1, {.5f, -.5f});
  return m;
}

inline Tensor gold1_input() {
  const float x[] = {1, 2, 0, 1, 0, 1, 3, 1, 2, 1, 0, 0, 1, 0, 1, 2};
  return tensor_of({1, 1, 4, 4}, x);
}

}  // namespace cutaway::tests
