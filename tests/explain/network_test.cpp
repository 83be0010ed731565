#include "explain/network.h"

#include <doctest/doctest.h>

#include "layers/average_pool.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/softmax.h"
#include "runtime/error.h"
#include "tests/layers/gold1.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

LayerPtr conv(std::int64_t channels, std::int32_t k, std::int32_t pad = 0) {
  return std::make_shared<Conv>(channels, kernels::ConvGeometry{k, k, 1, 1, pad, pad, 1, 1, 1});
}

}  // namespace

TEST_CASE("network: scores, default layer and CAM head of the networks of the zoo") {
  struct Row {
    const char* net;
    std::int64_t classes, rows;
    bool cam;
  };
  for (const Row& row :
       {Row{"alexnet-caffe", 1000, 13, false}, Row{"vgg16", 1000, 14, false},
        Row{"googlenet-caffe", 1000, 7, true}, Row{"squeezenet1.0-caffe", 1000, 13, true}}) {
    const std::string net = row.net;
    CAPTURE(net);
    const Graph g = weights::build_zoo(row.net).graph;
    CHECK(class_count(g) == row.classes);
    CHECK(g.node(logits_node(g)).layer->kind() != LayerKind::kSoftmax);
    const LayerChoice choice = default_layer(g);
    CHECK(g.node(choice.node).shape.h == row.rows);
    CHECK(g.node(choice.node).shape.w == row.rows);
    CHECK_FALSE(choice.why.empty());
    CHECK(cam_head(g).has_value() == row.cam);
  }
  const Graph google = weights::build_zoo("googlenet-caffe").graph;
  CHECK(google.node(default_layer(google).node).name == "inception_5b/output");
  CHECK(cam_head(google)->maps == default_layer(google).node);
  CHECK(cam_head(google)->exact);
  const Graph squeeze = weights::build_zoo("squeezenet1.0-caffe").graph;
  CHECK(default_layer(squeeze).node == cam_head(squeeze)->maps);
  CHECK(squeeze.node(default_layer(squeeze).node).name == "fire9/concat");
  CHECK_FALSE(cam_head(squeeze)->exact);
  const Graph vgg = weights::build_zoo("vgg16").graph;
  CHECK(vgg.node(default_layer(vgg).node).name == "relu5_3");
}

TEST_CASE("network: heads of hand-made nets") {
  const Model gold = tests::gold1();
  CHECK(default_layer(gold.graph).node == gold.graph.find("relu2"));
  REQUIRE(cam_head(gold.graph).has_value());
  CHECK(cam_head(gold.graph)->maps == gold.graph.find("relu2"));
  CHECK(cam_head(gold.graph)->weights == gold.graph.find("fc"));

  // An average pooling over the whole plane is a global one, a smaller one is not.
  for (const std::int32_t k : {4, 3}) {
    Graph g({1, 3, 4, 4});
    g.add("conv", conv(5, 1));
    g.add("pool",
          std::make_shared<AveragePool>(kernels::PoolGeometry{k, k, 1, 1, 0, 0}, false, true));
    g.add("drop", std::make_shared<Dropout>(0.5f));
    g.add("flat", std::make_shared<Flatten>());
    g.add("fc", std::make_shared<Dense>(2));
    CHECK(cam_head(g).has_value() == (k == 4));
  }
  // Two fully connected layers: no CAM. Global maximum: not exact.
  Graph two({1, 3, 4, 4});
  two.add("conv", conv(5, 1));
  two.add("gap", std::make_shared<GlobalAveragePool>());
  two.add("fc1", std::make_shared<Dense>(4));
  two.add("relu", std::make_shared<Relu>());
  two.add("fc2", std::make_shared<Dense>(2));
  CHECK_FALSE(cam_head(two).has_value());
  CHECK(default_layer(two).node == two.find("conv"));
  Graph most({1, 3, 4, 4});
  most.add("conv", conv(5, 1));
  most.add("gmp", std::make_shared<GlobalMaxPool>());
  most.add("fc", std::make_shared<Dense>(2));
  REQUIRE(cam_head(most).has_value());
  CHECK_FALSE(cam_head(most)->exact);
}

TEST_CASE("network: what has no maps or no scores says so") {
  Graph flat({1, 3, 4, 4});
  flat.add("flat", std::make_shared<Flatten>());
  flat.add("fc", std::make_shared<Dense>(2));
  flat.add("prob", std::make_shared<Softmax>());
  CHECK(logits_node(flat) == flat.find("fc"));
  CHECK(class_count(flat) == 2);
  CHECK_FALSE(cam_head(flat).has_value());
  Graph maps({1, 3, 4, 4});
  maps.add("conv", conv(2, 3));
  const auto kind_of = [](const auto& f) {
    try {
      (void)f();
    } catch (const Error& e) {
      return e.kind();
    }
    return ErrorKind::kInternal;
  };
  CHECK(kind_of([&] { return default_layer(flat); }) == ErrorKind::kUnsupported);
  CHECK(kind_of([&] { return class_count(maps); }) == ErrorKind::kUnsupported);
}
