#include <cmath>
#include <memory>

#include "layers/batch_norm.h"
#include "layers/conv.h"
#include "layers/relu.h"
#include "tests/weights/scratch.h"
#include "weights/fold.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

void set(Tensor& tensor, std::initializer_list<float> values) {
  REQUIRE(tensor.f32().size() == values.size());
  std::ranges::copy(values, tensor.f32().begin());
}

}  // namespace

TEST_CASE("folding by hand") {
  for (const bool bias : {false, true}) {
    Graph g(Shape{1, 1, 4, 4});
    const NodeId conv = g.add(
        "conv", std::make_shared<Conv>(2, kernels::ConvGeometry{1, 1, 1, 1, 0, 0, 1, 1, 1}, bias));
    const NodeId norm = g.add("norm", std::make_shared<BatchNorm>(0.25, 0.1));
    g.add("relu", std::make_shared<Relu>());
    g.alias("normalised", norm);
    Model model(std::move(g));
    model.parameters = Parameters::zeroed(model.graph);
    set(model.parameters.of(conv)[0], {3.0f, -2.0f});
    if (bias) set(model.parameters.of(conv)[1], {1.0f, 0.5f});
    set(model.parameters.of(norm)[0], {2.0f, 1.0f});    // gamma
    set(model.parameters.of(norm)[1], {10.0f, -1.0f});  // beta
    set(model.parameters.of(norm)[2], {0.5f, 4.0f});    // mean
    set(model.parameters.of(norm)[3], {3.75f, 0.0f});   // variance: spreads 4 and 0.25, r = 1 and 2

    const Model folded = fold_batch_norm(model);
    REQUIRE(folded.graph.size() == 3);
    CHECK(folded.graph.node(folded.graph.find("norm")).name == "conv");
    CHECK(folded.graph.node(folded.graph.find("normalised")).name == "conv");
    CHECK(folded.graph.node(folded.graph.find("relu")).inputs == std::vector<NodeId>{1});
    const auto w = folded.parameters.of(1)[0].f32();
    const auto b = folded.parameters.of(1)[1].f32();
    CHECK(w[0] == 3.0f);
    CHECK(w[1] == -4.0f);
    CHECK(b[0] == (bias ? 10.5f : 9.5f));
    CHECK(b[1] == (bias ? -8.0f : -9.0f));
  }
}

TEST_CASE("a normalisation stays where folding would change something else") {
  Graph g(Shape{1, 1, 4, 4});
  const kernels::ConvGeometry one{1, 1, 1, 1, 0, 0, 1, 1, 1};
  const NodeId conv = g.add("conv", std::make_shared<Conv>(2, one));
  g.add("norm", std::make_shared<BatchNorm>(), {conv});
  g.add("also", std::make_shared<Relu>(), {conv});
  g.add("norm2", std::make_shared<BatchNorm>());
  Model model(std::move(g));
  model.parameters = Parameters::initialized(model.graph, 3);
  const Model folded = fold_batch_norm(model);
  CHECK(folded.graph.size() == model.graph.size());
  CHECK(same_parameters(folded, model));
}

TEST_CASE("the trained kind of net loses all its normalisations") {
  Model model(build_zoo("gap-small").graph);
  model.parameters = Parameters::initialized(model.graph, 1);
  const Model folded = fold_batch_norm(model);
  for (const Node& node : folded.graph.nodes()) CHECK(node.layer->kind() != LayerKind::kBatchNorm);
  CHECK(folded.graph.size() == model.graph.size() - 6);
  CHECK(folded.graph.node(folded.graph.last()).shape == model.graph.node(model.graph.last()).shape);
  // Fresh normalisations have gamma 1, beta 0, mean 0, variance 1: r = 1 / sqrt(1 + eps).
  const float before = model.parameters.of(model.graph.find("conv3"))[0].f32()[7];
  const float after = folded.parameters.of(folded.graph.find("conv3"))[0].f32()[7];
  CHECK(after == static_cast<float>(double{before} * (1.0 / std::sqrt(1.0 + 1e-5))));
}

TEST_CASE("a variance that is not positive is refused") {
  Model model(build_zoo("gap-small").graph);
  model.parameters = Parameters::initialized(model.graph, 1);
  model.parameters.of(model.graph.find("bn2"))[3].f32()[0] = -1.0f;
  CHECK(has(message_of([&] { (void)fold_batch_norm(model); }), "bn2: a variance"));
}
