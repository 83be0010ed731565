#pragma once

#include <memory>
#include <utility>

#include "explain/visualize/pixel_space.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "layers/model.h"
#include "layers/relu.h"

/// The net of the tests of feature visualisation, and of tests/golden/make_ascent_bundle.py.
namespace cutaway::tests {

inline Model small_net(unsigned seed) {
  Graph g({1, 3, 24, 24});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  g.add("conv1", std::make_shared<Conv>(8, three));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("conv2", std::make_shared<Conv>(10, three));
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(4));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, seed);
  return m;
}

/// What Caffe's nets take for black and white.
inline explain::PixelSpace caffe_pixels() { return {{-104, -117, -123}, {151, 138, 132}, true}; }

}  // namespace cutaway::tests
