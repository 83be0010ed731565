// Methods at several layers in one session: one forward pass, and the maps of a session a layer.

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "explain/session.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "runtime/error.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

/// Branches, a normalisation, fused ReLUs and overlapping pooling: what a tap could disturb.
Model net() {
  Graph g({1, 3, 20, 18});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  g.add("conv1", std::make_shared<Conv>(17, three));
  g.add("relu1", std::make_shared<Relu>());
  g.add("norm1", std::make_shared<Lrn>(kernels::LrnParameters{5, 1.0f, 0.75f, 1.0f}));
  const NodeId pool =
      g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 0, 0}, true));
  g.add("left", std::make_shared<Conv>(9, three), {pool});
  const NodeId left = g.add("left_relu", std::make_shared<Relu>());
  g.add("right", std::make_shared<Conv>(7, kernels::ConvGeometry{}), {pool});
  const NodeId right = g.add("right_relu", std::make_shared<Relu>());
  g.add("both", std::make_shared<Concat>(), {left, right});
  g.add("conv2", std::make_shared<Conv>(12, three));
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(4));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 3);
  return m;
}

MethodPtr quick_method(const std::string& name) {
  for (const OptionFact& fact : method_facts(name).options) {
    if (fact.name == "samples" || fact.name == "steps" || fact.name == "masks")
      return make_method(name, {{fact.name, std::int64_t{12}}});
  }
  return make_method(name);
}

/// Ablation-CAM computes what lies above its layer again, which a branch alone does not determine.
bool serves(const std::string& name, const std::string& layer) {
  return name != "ablationcam" || layer != "left_relu";
}

const std::vector<std::string> kLayers{"relu2", "both", "left_relu", "conv1", "pool1"};

}  // namespace

TEST_CASE("session: methods at several layers give the bytes of a session a layer") {
  const Model m = net();
  const Tensor x = random_tensor({2, 3, 20, 18}, 5);
  const std::vector<std::int64_t> targets{2, 0};
  std::vector<MethodAt> all;
  for (const std::string& layer : kLayers) {
    for (const std::string& name : method_names()) {
      if (serves(name, layer)) all.push_back({quick_method(name), layer});
    }
  }
  Session together(m, std::move(all), x.shape(), CpuStream(2), {});
  (void)together.forward(x.clone());
  const std::vector<Explanation> got = together.explain(targets);
  REQUIRE(got.size() == kLayers.size() * method_names().size() - 1);
  std::size_t k = 0;
  for (const std::string& layer : kLayers) {
    Session::Options options;
    options.layer = layer;
    std::vector<MethodPtr> methods;
    for (const std::string& name : method_names()) {
      if (serves(name, layer)) methods.push_back(quick_method(name));
    }
    Session alone(m, std::move(methods), x.shape(), CpuStream(2), options);
    (void)alone.forward(x.clone());
    for (const Explanation& want : alone.explain(targets)) {
      CAPTURE(layer);
      CAPTURE(want.method);
      CHECK(got[k].method == want.method);
      CHECK(got[k].layer == want.layer);
      CHECK(std::ranges::equal(got[k].map.f32(), want.map.f32()));
      CHECK(got[k].options.values() == want.options.values());
      CHECK(got[k].notes == want.notes);
      CHECK(together.setting(k).layer == m.graph.find(layer));
      ++k;
    }
  }
  // The gradient, guided, lrp, excitation, and a deconvnet a layer: its signal begins there.
  CHECK(together.executor().plan().backward_count() == 4 + kLayers.size());
}

TEST_CASE("methods do with a layer what they state") {
  const Model m = net();
  const auto plans = [&](const std::string& name, NodeId layer, bool named) {
    Setting setting;
    setting.logits = m.graph.find("fc");
    setting.layer = layer;
    setting.layer_named = named;
    setting.layer_why = "none";
    Needs needs;
    try {
      quick_method(name)->plan(m.graph, setting, needs);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kUnsupported);
      return false;
    }
    return true;
  };
  const auto layer_of = [&](const std::string& name, const std::string& layer) {
    std::vector<MethodAt> one;
    one.push_back({quick_method(name), layer});
    Session s(m, std::move(one), {1, 3, 20, 18}, CpuStream(1), {});
    (void)s.forward(random_tensor({1, 3, 20, 18}, 1));
    return s.explain({1}).at(0).layer;
  };
  for (const std::string& name : method_names()) {
    CAPTURE(name);
    const LayerUse use = method_facts(name).layer;
    CHECK(make_method(name)->layer_use() == use);
    CHECK(plans(name, -1, false) == (use != LayerUse::kRequired));
    const bool moves = layer_of(name, "conv2") != layer_of(name, "both");
    CHECK(moves == (use == LayerUse::kRequired || use == LayerUse::kOptional));
    if (use != LayerUse::kOptional) CHECK(layer_of(name, "") == layer_of(name, "relu2"));
  }
  // Options that name layers take that choice from the run.
  CHECK(make_method("layercam", {{"layers", std::string("relu2,both")}})->layer_use() ==
        LayerUse::kNone);
  CHECK(make_method("excitation", {{"layer", std::string("both")}})->layer_use() ==
        LayerUse::kNone);
}

TEST_CASE("methods state what their maps are and what their targets count") {
  const Model m = net();
  std::vector<MethodPtr> methods;
  for (const std::string& name : method_names()) methods.push_back(quick_method(name));
  Session s(m, std::move(methods), {1, 3, 20, 18}, CpuStream(1));
  (void)s.forward(random_tensor({1, 3, 20, 18}, 1));
  for (const Explanation& e : s.explain({1})) {
    CAPTURE(e.method);
    CHECK(e.kind == method_facts(e.method).map);
    CHECK(e.target == method_facts(e.method).target);
    const bool channels = e.map.shape().c == 3;
    CHECK(channels == (e.kind == MapKind::kReconstruction));
  }
}

TEST_CASE("session: an error of a layer names the method and the layer") {
  const Model m = net();
  std::vector<MethodAt> one;
  one.push_back({make_method("gradcam"), "relu3"});
  try {
    const Session s(m, std::move(one), {1, 3, 20, 18}, CpuStream(1), {});
    FAIL("nothing was refused");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    CHECK(std::string(error.what()).find("'relu2'") != std::string::npos);
  }
}
