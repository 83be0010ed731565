#include <map>

#include "layers/model.h"
#include "tests/weights/scratch.h"
#include "weights/graph_json.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

struct Total {
  const char* name;
  std::int64_t parameters, macs;
};

// methods.md, section H; LeNet and gap-small by hand (below).
constexpr Total kTotals[] = {{"alexnet-caffe", 60'965'224, 724'406'816},
                             {"googlenet-caffe", 6'998'552, 1'582'671'872},
                             {"lenet", 431'080, 2'293'000},
                             {"squeezenet1.0-caffe", 1'248'424, 861'339'936},
                             {"vgg16", 138'357'544, 15'470'264'320}};

void check_shapes(const Graph& g, const std::map<std::string, Shape>& wanted) {
  for (const auto& [name, shape] : wanted) {
    INFO(name);
    CHECK(to_string(g.node(g.find(name)).shape) == to_string(shape));
  }
}

std::int64_t parameters_of(const Graph& g, const char* name) {
  std::int64_t count = 0;
  for (const ParameterSpec& p : g.parameters(g.find(name))) count += p.shape.count();
  return count;
}

}  // namespace

TEST_CASE("parameters and multiply-adds of the architectures") {
  for (const Total& total : kTotals) {
    INFO(total.name);
    const Graph g = build_zoo(total.name).graph;
    CHECK(g.parameter_count() == total.parameters);
    CHECK(g.macs() == total.macs);
  }
}

TEST_CASE("AlexNet (BVLC)") {
  const Graph g = build_zoo("alexnet-caffe").graph;
  check_shapes(g, {{"conv1", {1, 96, 55, 55}},
                   {"pool1", {1, 96, 27, 27}},
                   {"conv2", {1, 256, 27, 27}},
                   {"pool2", {1, 256, 13, 13}},
                   {"conv3", {1, 384, 13, 13}},
                   {"relu5", {1, 256, 13, 13}},
                   {"pool5", {1, 256, 6, 6}},
                   {"fc6", {1, 4096, 1, 1}},
                   {"prob", {1, 1000, 1, 1}}});
  CHECK(parameters_of(g, "conv1") == 34'944);
  CHECK(parameters_of(g, "conv2") == 307'456);
  CHECK(parameters_of(g, "conv4") == 663'936);
  CHECK(parameters_of(g, "conv5") == 442'624);
  CHECK(parameters_of(g, "fc6") == 37'752'832);
}

TEST_CASE("GoogLeNet (BVLC)") {
  const Graph g = build_zoo("googlenet-caffe").graph;
  check_shapes(g, {{"conv1/7x7_s2", {1, 64, 112, 112}},
                   {"pool1/3x3_s2", {1, 64, 56, 56}},
                   {"pool2/3x3_s2", {1, 192, 28, 28}},
                   {"inception_3a/output", {1, 256, 28, 28}},
                   {"inception_3b/output", {1, 480, 28, 28}},
                   {"pool3/3x3_s2", {1, 480, 14, 14}},
                   {"inception_4a/output", {1, 512, 14, 14}},
                   {"inception_4d/output", {1, 528, 14, 14}},
                   {"inception_4e/output", {1, 832, 14, 14}},
                   {"pool4/3x3_s2", {1, 832, 7, 7}},
                   {"inception_5b/output", {1, 1024, 7, 7}},
                   {"pool5/7x7_s1", {1, 1024, 1, 1}},
                   {"loss3/classifier", {1, 1000, 1, 1}},
                   {"prob", {1, 1000, 1, 1}}});
  CHECK(g.node(g.last()).name == "prob");
}

TEST_CASE("SqueezeNet 1.0 (Caffe)") {
  const Graph g = build_zoo("squeezenet1.0-caffe").graph;
  check_shapes(g, {{"conv1", {1, 96, 111, 111}},
                   {"pool1", {1, 96, 55, 55}},
                   {"fire4/concat", {1, 256, 55, 55}},
                   {"pool4", {1, 256, 27, 27}},
                   {"fire8/concat", {1, 512, 27, 27}},
                   {"pool8", {1, 512, 13, 13}},
                   {"fire9/concat", {1, 512, 13, 13}},
                   {"conv10", {1, 1000, 15, 15}},
                   {"pool10", {1, 1000, 1, 1}}});
  CHECK(g.node(g.find("fire2/squeeze1x1")).name == "fire2/conv1x1_1");
  CHECK(g.node(g.find("fire9/expand3x3")).name == "fire9/conv3x3_2");
  CHECK(g.node(g.find("conv10")).name == "conv_final");
}

TEST_CASE("VGG-16 and its other names") {
  const Graph g = build_zoo("vgg16").graph;
  check_shapes(g, {{"conv1_2", {1, 64, 224, 224}},
                   {"pool1", {1, 64, 112, 112}},
                   {"pool2", {1, 128, 56, 56}},
                   {"pool3", {1, 256, 28, 28}},
                   {"relu5_3", {1, 512, 14, 14}},
                   {"pool5", {1, 512, 7, 7}},
                   {"flatten", {1, 25088, 1, 1}},
                   {"fc8", {1, 1000, 1, 1}}});
  const std::map<std::string, std::string> same{{"features.0", "conv1_1"},
                                                {"features.2", "conv1_2"},
                                                {"features.4", "pool1"},
                                                {"features.5", "conv2_1"},
                                                {"features.9", "pool2"},
                                                {"features.16", "pool3"},
                                                {"features.23", "pool4"},
                                                {"features.28", "conv5_3"},
                                                {"features.29", "relu5_3"},
                                                {"features.30", "pool5"},
                                                {"classifier.0", "fc6"},
                                                {"classifier.3", "fc7"},
                                                {"classifier.5", "drop7"},
                                                {"classifier.6", "fc8"},
                                                {"block1_conv1", "conv1_1"},
                                                {"block5_conv3", "conv5_3"},
                                                {"block5_pool", "pool5"},
                                                {"fc1", "fc6"},
                                                {"fc2", "fc7"},
                                                {"predictions", "fc8"}};
  for (const auto& [alias, name] : same) CHECK(g.node(g.find(alias)).name == name);
  CHECK(parameters_of(g, "conv5_3") == 2'359'808);
  CHECK(parameters_of(g, "fc6") == 102'764'544);
}

TEST_CASE("LeNet") {
  const ZooNet net = build_zoo("lenet");
  check_shapes(net.graph, {{"conv1", {1, 20, 24, 24}},
                           {"pool1", {1, 20, 12, 12}},
                           {"conv2", {1, 50, 8, 8}},
                           {"pool2", {1, 50, 4, 4}},
                           {"ip1", {1, 500, 1, 1}},
                           {"prob", {1, 10, 1, 1}}});
  CHECK(net.preprocess.scale == 0.00390625f);
  CHECK(net.preprocess.channels() == 1);
  // 24*24*20*25 + 8*8*50*20*25 + 500*800 + 10*500.
  CHECK(net.graph.macs() == 288'000 + 1'600'000 + 400'000 + 5'000);
}

TEST_CASE("the small net is small, and keeps 12 x 12 maps for class activation maps") {
  const Graph g = build_zoo("gap-small").graph;
  check_shapes(g, {{"relu6", {1, 96, 12, 12}}, {"gap", {1, 96, 1, 1}}, {"fc", {1, 10, 1, 1}}});
  // Six convolutions without bias, four vectors for each batch normalisation, one classifier with
  // bias.
  const std::int64_t weights = 9 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 96 + 96 * 96 + 96 * 96);
  const std::int64_t norms = 4 * (16 + 32 + 64 + 96 + 96 + 96);
  CHECK(g.parameter_count() == weights + norms + 970);
  CHECK(g.parameter_count() < 500'000);
  CHECK(g.macs() > 40'000'000);
  CHECK(g.macs() < 60'000'000);
}

TEST_CASE("the number of classes is an option; unknown names get hints") {
  CHECK(build_zoo("googlenet-caffe", {37})
            .graph.node(build_zoo("googlenet-caffe").graph.last())
            .shape.c == 37);
  CHECK(build_zoo("gap-small", {2}).graph.node(build_zoo("gap-small").graph.find("fc")).shape.c ==
        2);
  CHECK(has(message_of([] { (void)build_zoo("vgg61"); }), "did you mean 'vgg16'"));
  CHECK(has(message_of([] { (void)build_zoo("lenet", {-1}); }), "number of classes"));
}

TEST_CASE("every architecture survives the trip through JSON") {
  for (const ZooEntry& entry : zoo()) {
    INFO(entry.name);
    const Graph g = entry.build({}).graph;
    const std::string text = to_json(g);
    const Graph again = graph_from_json(text);
    CHECK(to_json(again) == text);
    REQUIRE(again.size() == g.size());
    CHECK(again.aliases() == g.aliases());
    for (NodeId id = 0; id < g.size(); ++id) {
      REQUIRE(again.node(id).name == g.node(id).name);
      REQUIRE(again.node(id).shape == g.node(id).shape);
      REQUIRE(again.node(id).layer->attributes().values() ==
              g.node(id).layer->attributes().values());
    }
  }
}

TEST_CASE("the table is in alphabetical order") {
  for (std::size_t i = 1; i < zoo().size(); ++i) {
    CHECK(std::string(zoo()[i - 1].name) < std::string(zoo()[i].name));
  }
}
