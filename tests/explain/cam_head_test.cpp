// The convolution of released CAM networks (Zhou et al. 2016).

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "layers/executor.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;

TEST_CASE(
    "the released CAM_conv has two groups: the second half of the trunk does not reach the "
    "first half of it") {
  for (const auto& [name, layer] : {std::pair{"googlenet-cam", "CAM_conv"},
                                    {"vgg16-cam", "CAM_conv"},
                                    {"alexnet-plus-cam", "conv7"}}) {
    CAPTURE(name);
    const weights::ZooNet net = weights::build_zoo(name);
    const NodeId id = net.graph.find(layer);
    const Shape trunk = net.graph.node(net.graph.node(id).inputs.at(0)).shape;
    Graph g(trunk);
    g.add("conv", net.graph.node(id).layer);
    Model m(std::move(g));
    m.parameters = Parameters::initialized(m.graph, 7);
    const auto run = [&](const Tensor& x) {
      PlanRequest request;
      request.input = x.shape();
      Executor executor(m, request, CpuStream(1));
      executor.set_input(x);
      executor.forward();
      return executor.read(executor.output());
    };
    std::mt19937 engine(3);
    std::normal_distribution<float> d;
    Tensor x = zeros(trunk);
    for (float& v : x.f32()) v = d(engine);
    const Tensor before = run(x);
    std::ranges::fill(x.f32().subspan(x.f32().size() / 2), 0.0F);
    const Tensor after = run(x);
    const std::size_t half = before.f32().size() / 2;
    CHECK(std::ranges::equal(before.f32().first(half), after.f32().first(half)));
    CHECK_FALSE(std::ranges::equal(before.f32().subspan(half), after.f32().subspan(half)));
  }
}
