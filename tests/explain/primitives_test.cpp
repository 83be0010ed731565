// Primitives that no other suite holds to numbers known beforehand.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <tuple>

#include "explain/render/normalize.h"
#include "layers/conv.h"
#include "layers/executor.h"
#include "tests/support/random_tensor.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using cutaway::tests::random_tensor;

TEST_CASE("every convolution geometry of the published nets has the adjoint as its way back") {
  std::set<std::tuple<int, int, int, int, int, int, int, int, int>> geometries;
  for (const weights::ZooEntry& entry : weights::zoo()) {
    const Graph g = weights::build_zoo(entry.name).graph;
    for (const Node& node : g.nodes()) {
      if (node.layer->kind() != LayerKind::kConv) continue;
      const auto& k = static_cast<const Conv&>(*node.layer).geometry();
      // Depthwise ones have up to 1152 groups, which differ in nothing but their number.
      geometries.insert({k.kernel_h, k.kernel_w, k.stride_h, k.stride_w, k.pad_h, k.pad_w,
                         k.dilation_h, k.dilation_w, std::min(k.groups, 32)});
    }
  }
  CHECK(geometries.size() > 12);
  for (const auto& [kh, kw, sh, sw, ph, pw, dh, dw, groups] : geometries) {
    CAPTURE(kh);
    CAPTURE(sh);
    CAPTURE(ph);
    CAPTURE(groups);
    Graph g({1, 4 * std::int64_t{groups}, 23, 18});
    g.add("conv", std::make_shared<Conv>(
                      6 * std::int64_t{groups},
                      kernels::ConvGeometry{kh, kw, sh, sw, ph, pw, dh, dw, groups}, false));
    Model m(std::move(g));
    m.parameters = Parameters::initialized(m.graph, 3);
    PlanRequest r;
    r.backward = {{gradient_rules(), 1, {0}, false}};
    Executor e(m, r, CpuStream(1));
    const Tensor x = random_tensor(m.graph.node(0).shape, 1);
    e.set_input(x);
    e.forward();
    const Tensor y = e.read(e.output());
    const Tensor seed = random_tensor(y.shape(), 2);
    e.set_seed(0, seed);
    e.backward(0);
    const Tensor dx = e.read(e.gradient(0, 0));
    const auto dot = [](const Tensor& a, const Tensor& b) {
      double sum = 0.0;
      for (std::size_t i = 0; i < a.f32().size(); ++i)
        sum += static_cast<double>(a.f32()[i]) * static_cast<double>(b.f32()[i]);
      return sum;
    };
    // The same sum in another order: float32 rounding, relative to the norms.
    const double scale = std::sqrt(dot(y, y) * dot(seed, seed));
    CHECK(std::fabs(dot(y, seed) - dot(x, dx)) <= 1e-6 * scale);
  }
}

TEST_CASE("extents of the published nets' convolutions") {
  const auto extent = [](std::int64_t in, std::int32_t k, std::int32_t s, std::int32_t p) {
    const Conv conv(1, kernels::ConvGeometry{k, k, s, s, p, p, 1, 1, 1});
    const Shape shape{1, 1, in, in};
    return conv.infer({&shape, 1}).h;
  };
  CHECK(extent(224, 7, 2, 1) == 110);
  CHECK(extent(227, 11, 4, 0) == 55);
  CHECK(extent(224, 11, 4, 2) == 55);
  CHECK(extent(224, 7, 2, 3) == 112);
}

TEST_CASE("minmax of a constant is zeros; so many values lie above and below a quantile") {
  const std::vector<float> same(6, 3.5f);
  const explain::Normalized n = explain::normalize({same, 2, 3}, explain::Normalization::min_max());
  CHECK(n.values == std::vector<float>(6, 0.0f));
  CHECK(n.degenerate);
  std::vector<float> v(100);
  std::iota(v.begin(), v.end(), 0.0f);
  const double high = explain::quantile(v, 0.95), low = explain::quantile(v, 0.30);
  CHECK(std::ranges::count_if(v, [&](float x) { return static_cast<double>(x) > high; }) == 5);
  CHECK(std::ranges::count_if(v, [&](float x) { return static_cast<double>(x) < low; }) == 30);
}
