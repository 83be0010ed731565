// The deconvnet where pooling windows overlap, and where it is anchored.

#include <doctest/doctest.h>

#include <algorithm>

#include "explain/rules/rules.h"
#include "explain/session.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "runtime/error.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;

TEST_CASE("windows that share a switch add up, or the last one wins") {
  Graph g({1, 1, 1, 5});
  g.add("pool", std::make_shared<MaxPool>(kernels::PoolGeometry{1, 3, 1, 2, 0, 0}, false));
  Parameters none = Parameters::zeroed(g);
  const Model m(std::move(g), std::move(none));
  const float x[] = {0, 0, 9, 0, 0};
  for (const bool overwrite : {false, true}) {
    PlanRequest r;
    BackwardRequest b;
    b.rules = deconvnet_rules(false, overwrite);
    r.backward.push_back(b);
    Executor e(m, r, CpuStream(1));
    e.set_input(tensor_of({1, 1, 1, 5}, x));
    e.forward();
    const View<float> seed = e.seed(0).out();
    seed.at(0, 0, 0, 0) = 3.0f;
    seed.at(0, 0, 0, 1) = 4.0f;
    e.backward(0);
    const Tensor dx = e.read(e.gradient(0, 0));
    CHECK(std::ranges::equal(dx.f32(), std::vector<float>{0, 0, overwrite ? 4.0f : 7.0f, 0, 0}));
  }
  CHECK(deconvnet_rules(false, true).name() != deconvnet_rules(false, false).name());
  CHECK(deconvnet_rules(true, true).name() != deconvnet_rules(true, false).name());
}

TEST_CASE("deconvnet: anchors, and the overlap rule, by option") {
  Graph g({1, 3, 13, 13});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  g.add("conv1", std::make_shared<Conv>(6, three));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 0, 0}, false));
  g.add("conv2", std::make_shared<Conv>(5, three));
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(3));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 5);
  const Tensor x = tests::random_tensor({1, 3, 13, 13}, 6);
  const auto explained = [&](const std::string& layer, const Attributes& options) {
    std::vector<MethodPtr> one;
    one.push_back(make_method("deconvnet", options));
    Session::Options o;
    o.layer = layer;
    Session s(m, std::move(one), x.shape(), CpuStream(1), o);
    (void)s.forward(x.clone());
    return std::move(s.explain({0}).at(0));
  };
  const auto anchor = [](const char* which) { return Attributes{{"anchor", std::string(which)}}; };
  CHECK(explained("relu1", {}).layer == "relu1");
  CHECK(explained("relu1", anchor("pooled")).layer == "pool1");
  CHECK(explained("conv1", anchor("pooled")).layer == "pool1");
  CHECK(explained("pool1", anchor("relu")).layer == "relu1");
  CHECK(explained("relu2", anchor("pooled")).layer == "relu2");  // no pooling reads it
  CHECK(explained("relu1", {}).options.text("anchor", "") == "named");
  const Explanation added = explained("relu2", {});
  const Explanation overwritten = explained("relu2", {{"overlap", std::string("overwrite")}});
  CHECK(added.options.text("overlap", "") == "add");
  CHECK(overwritten.options.text("overlap", "") == "overwrite");
  CHECK_FALSE(std::ranges::equal(added.map.f32(), overwritten.map.f32()));
  CHECK_THROWS_AS((void)make_method("deconvnet", {{"overlap", std::string("mean")}}), Error);
}

TEST_CASE("deconvnet: unpooling windows that share a switch add, or overwrite") {
  // The middle pixel wins all four windows; the unit above sums the windows.
  Graph g({1, 1, 5, 5});
  g.add("pool", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 0, 0}, false));
  g.add("sum", std::make_shared<Conv>(1, kernels::ConvGeometry{2, 2, 1, 1, 0, 0, 1, 1, 1}, false));
  g.add("relu", std::make_shared<Relu>());
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  for (float& w : m.parameters.of(m.graph.find("sum"))[0].f32()) w = 1.0f;
  Tensor x = zeros({1, 1, 5, 5});
  x.f32()[12] = 3.0f;
  for (const bool overwrite : {false, true}) {
    CAPTURE(overwrite);
    std::vector<explain::MethodPtr> one;
    one.push_back(explain::make_method(
        "deconvnet", {{"overlap", std::string(overwrite ? "overwrite" : "add")}}));
    explain::Session::Options options;
    options.layer = "relu";
    explain::Session s(m, std::move(one), x.shape(), CpuStream(1), options);
    (void)s.forward(x.clone());
    const explain::Explanation e = std::move(s.explain({0}).at(0));
    for (std::size_t i = 0; i < 25; ++i) {
      CAPTURE(i);
      // The unit's activation is 12, and every window brings it down to its switch.
      CHECK(e.map.f32()[i] == (i != 12 ? 0.0f : overwrite ? 12.0f : 48.0f));
    }
  }
}
