#include <map>

#include "layers/model.h"
#include "layers/receptive_field.h"
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

// Counted from the papers' tables and the released definitions; VGG-11, -13, -19 and running
// estimates (VGG-16-BN, GoogLeNet) counted in torchvision; NIN as Caffe's zoo publishes it; LeNet
// by hand (below).
constexpr Total kTotals[] = {{"alexnet-caffe", 60'965'224, 724'406'816},
                             {"alexnet-gap", 5'719'400, 1'065'529'888},
                             {"alexnet-plus-cam", 5'133'800, 953'467'424},
                             {"alexnet-torchvision", 61'100'840, 714'188'480},
                             {"caffenet", 60'965'224, 724'406'816},
                             {"densenet121", 7'978'856 + 83'648, 2'834'161'664},
                             {"efficientnet-b0", 5'288'548 + 42'016, 385'814'752},
                             {"googlenet-caffe", 6'998'552, 1'582'671'872},
                             {"googlenet-cam", 8'345'896, 2'212'330'496},
                             {"googlenet-cam-places205", 7'531'021, 2'211'516'416},
                             {"googlenet-gmp", 8'345'896, 2'212'330'496},
                             {"googlenet-torchvision", 6'624'904 + 14'560, 1'498'376'192},
                             {"lenet", 431'080, 2'293'000},
                             {"mobilenet-v2", 3'504'872 + 34'112, 300'774'272},
                             {"nin", 7'595'176, 1'100'188'800},
                             {"squeezenet1.0-caffe", 1'248'424, 861'339'936},
                             {"squeezenet1.0-torchvision", 1'248'424, 818'924'576},
                             {"squeezenet1.1-caffe", 1'235'496, 387'747'520},
                             {"squeezenet1.1-torchvision", 1'235'496, 349'151'936},
                             {"vgg11", 132'863'336, 7'609'090'048},
                             {"vgg13", 133'047'848, 11'308'466'176},
                             {"vgg16", 138'357'544, 15'470'264'320},
                             {"vgg16-bn", 138'365'992 + 8'448, 15'470'264'320},
                             {"vgg16-cam", 18'100'008, 15'810'076'672},
                             {"vgg16-gap", 20'459'304, 16'272'498'688},
                             {"vgg19", 143'667'240, 19'632'062'464},
                             {"zfnet", 62'357'608, 1'168'032'896}};

struct FieldOf {
  const char *net, *node;
  double size, jump, center;
};

// Worked out from extents, strides and paddings.
constexpr FieldOf kFields[] = {{"alexnet-caffe", "conv1", 11, 4, 5},
                               {"alexnet-caffe", "pool1", 19, 8, 9},
                               {"alexnet-caffe", "conv2", 51, 8, 9},
                               {"alexnet-caffe", "pool2", 67, 16, 17},
                               {"alexnet-caffe", "conv3", 99, 16, 17},
                               {"alexnet-caffe", "conv4", 131, 16, 17},
                               {"alexnet-caffe", "conv5", 163, 16, 17},
                               {"alexnet-caffe", "pool5", 195, 32, 33},
                               {"caffenet", "conv5", 163, 16, 17},
                               {"alexnet-torchvision", "conv1", 11, 4, 3},
                               {"alexnet-torchvision", "conv2", 51, 8, 7},
                               {"alexnet-torchvision", "conv5", 163, 16, 15},
                               {"alexnet-torchvision", "pool5", 195, 32, 31},
                               {"zfnet", "conv1", 7, 2, 2},
                               {"zfnet", "pool1", 11, 4, 4},
                               {"zfnet", "conv2", 27, 8, 12},
                               {"zfnet", "pool2", 43, 16, 20},
                               {"zfnet", "conv3", 75, 16, 20},
                               {"zfnet", "conv4", 107, 16, 20},
                               {"zfnet", "conv5", 139, 16, 20},
                               {"zfnet", "pool5", 171, 32, 36},
                               {"vgg16", "conv1_2", 5, 1, 0},
                               {"vgg16", "pool1", 6, 2, 0.5},
                               {"vgg16", "conv2_2", 14, 2, 0.5},
                               {"vgg16", "pool2", 16, 4, 1.5},
                               {"vgg16", "conv3_3", 40, 4, 1.5},
                               {"vgg16", "pool3", 44, 8, 3.5},
                               {"vgg16", "conv4_3", 92, 8, 3.5},
                               {"vgg16", "pool4", 100, 16, 7.5},
                               {"vgg16-bn", "conv5_3", 196, 16, 7.5},
                               {"vgg16", "pool5", 212, 32, 15.5},
                               {"googlenet-caffe", "pool2/3x3_s2", 27, 8, 6},
                               {"googlenet-caffe", "inception_3b/output", 91, 8, 6},
                               {"googlenet-caffe", "pool3/3x3_s2", 107, 16, 14},
                               {"googlenet-cam", "inception_4e/output", 427, 16, 14},
                               {"googlenet-caffe", "inception_5b/output", 715, 32, 30}};

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

TEST_CASE("every architecture's totals are known from elsewhere") {
  std::size_t known = 0;
  for (const ZooEntry& entry : zoo()) {
    for (const Total& total : kTotals) known += std::string(entry.name) == total.name ? 1U : 0U;
    known += std::string(entry.name) == "gap-small" ? 1U : 0U;  // has a test of its own
    known += std::string(entry.name).starts_with("resnet") ? 1U : 0U;
    known += std::string(entry.name).starts_with("cifar") ? 1U : 0U;
    known += std::string(entry.name) == "vgg19-quarter" ? 1U : 0U;  // its activations are compared
  }
  CHECK(known == zoo().size());
}

TEST_CASE("receptive fields of the architectures") {
  for (const FieldOf& wanted : kFields) {
    INFO(wanted.net << " " << wanted.node);
    const Graph g = build_zoo(wanted.net).graph;
    const Field field = receptive_fields(g)[static_cast<std::size_t>(g.find(wanted.node))].rows;
    CHECK(field.size == wanted.size);
    CHECK(field.jump == wanted.jump);
    CHECK(field.center == wanted.center);
  }
}

TEST_CASE("CaffeNet pools before it normalises, AlexNet after; all else is the same") {
  const Graph alexnet = build_zoo("alexnet-caffe").graph;
  const Graph caffenet = build_zoo("caffenet").graph;
  CHECK(alexnet.node(alexnet.find("pool1")).inputs[0] == alexnet.find("norm1"));
  CHECK(caffenet.node(caffenet.find("norm1")).inputs[0] == caffenet.find("pool1"));
  CHECK(caffenet.node(caffenet.find("conv2")).inputs[0] == caffenet.find("norm1"));
  CHECK(alexnet.size() == caffenet.size());
  for (const Node& node : alexnet.nodes()) {
    CHECK(caffenet.node(caffenet.find(node.name)).layer->attributes().values() ==
          node.layer->attributes().values());
  }
}

TEST_CASE("AlexNet (torchvision)") {
  const Graph g = build_zoo("alexnet-torchvision").graph;
  check_shapes(g, {{"conv1", {1, 64, 55, 55}},
                   {"pool1", {1, 64, 27, 27}},
                   {"conv2", {1, 192, 27, 27}},
                   {"pool5", {1, 256, 6, 6}},
                   {"classifier.6", {1, 1000, 1, 1}}});
  const std::map<std::string, std::string> same{{"features.3", "conv2"},  {"features.6", "conv3"},
                                                {"features.8", "conv4"},  {"features.10", "conv5"},
                                                {"features.12", "pool5"}, {"classifier.1", "fc6"},
                                                {"classifier.4", "fc7"}};
  for (const auto& [alias, name] : same) CHECK(g.node(g.find(alias)).name == name);
  CHECK(parameters_of(g, "conv1") == 23'296);
  CHECK(parameters_of(g, "conv2") == 307'392);
  CHECK(parameters_of(g, "conv4") == 884'992);
}

TEST_CASE("ZFNet") {
  const ZooNet net = build_zoo("zfnet");
  check_shapes(net.graph, {{"conv1", {1, 96, 110, 110}},
                           {"pool1", {1, 96, 55, 55}},
                           {"conv2", {1, 256, 26, 26}},
                           {"norm2", {1, 256, 13, 13}},
                           {"conv5", {1, 256, 13, 13}},
                           {"pool5", {1, 256, 6, 6}}});
  CHECK(net.preprocess.order == ColorOrder::kRgb);
  CHECK(net.preprocess.scale == 1.0f);
  CHECK(parameters_of(net.graph, "conv1") == 14'208);
  CHECK(parameters_of(net.graph, "conv2") == 614'656);
}

TEST_CASE("the nets for class activation maps") {
  const Graph alexnet = build_zoo("alexnet-plus-cam").graph;
  check_shapes(alexnet, {{"conv5", {1, 384, 13, 13}},
                         {"pool5", {1, 384, 11, 11}},
                         {"relu7", {1, 512, 11, 11}},
                         {"pool7", {1, 512, 1, 1}},
                         {"fc8", {1, 1000, 1, 1}}});
  CHECK(alexnet.node(alexnet.find("norm2")).inputs[0] == alexnet.find("pool2"));
  check_shapes(build_zoo("alexnet-gap").graph, {{"CAM_relu", {1, 1024, 13, 13}}});
  for (const char* name : {"vgg16-cam", "vgg16-gap", "googlenet-cam", "googlenet-gmp"}) {
    INFO(name);
    const Graph g = build_zoo(name).graph;
    check_shapes(g, {{"CAM_relu", {1, 1024, 14, 14}}, {"CAM_fc", {1, 1000, 1, 1}}});
    const std::int64_t groups =
        g.node(g.find("CAM_conv")).layer->attributes().integer("groups", 1, 1, 2);
    CHECK(groups == (std::string(name) == "vgg16-gap" ? 1 : 2));
    const std::string pool(g.node(g.find("CAM_pool")).layer->type());
    CHECK(pool ==
          (std::string(name) == "googlenet-gmp" ? "global_max_pool" : "global_average_pool"));
  }
  const ZooNet places = build_zoo("googlenet-cam-places205");
  check_shapes(places.graph, {{"CAM_fc", {1, 205, 1, 1}}});
  CHECK(places.label_set == "places205");
  CHECK(build_zoo("vgg16-cam").preprocess.mean[0] == 103.939f);
}

TEST_CASE("torchvision's GoogLeNet and SqueezeNets") {
  const ZooNet googlenet = build_zoo("googlenet-torchvision");
  check_shapes(googlenet.graph, {{"conv3.conv", {1, 192, 56, 56}},
                                 {"inception3a", {1, 256, 28, 28}},
                                 {"maxpool4", {1, 832, 7, 7}},
                                 {"fc", {1, 1000, 1, 1}}});
  CHECK(googlenet.preprocess.mean[0] == 0.5f);
  const Graph old = build_zoo("squeezenet1.0-torchvision").graph;
  check_shapes(old, {{"conv1", {1, 96, 109, 109}},
                     {"pool1", {1, 96, 54, 54}},
                     {"pool4", {1, 256, 27, 27}},
                     {"conv10", {1, 1000, 13, 13}}});
  CHECK(old.node(old.find("features.3.squeeze")).name == "fire2/squeeze1x1");
  CHECK(old.node(old.find("features.12.expand3x3")).name == "fire9/expand3x3");
  const Graph next = build_zoo("squeezenet1.1-torchvision").graph;
  check_shapes(next, {{"conv1", {1, 64, 111, 111}}, {"conv10", {1, 1000, 13, 13}}});
  CHECK(next.node(next.find("features.3.squeeze")).name == "fire2/squeeze1x1");
  CHECK(next.node(next.find("features.6.squeeze")).name == "fire4/squeeze1x1");
  CHECK(next.node(next.find("features.12.expand1x1")).name == "fire9/expand1x1");
  CHECK(next.node(next.find("classifier.1")).name == "conv10");
  check_shapes(build_zoo("squeezenet1.1-caffe").graph, {{"conv1", {1, 64, 113, 113}},
                                                        {"pool1", {1, 64, 56, 56}},
                                                        {"pool3", {1, 128, 28, 28}},
                                                        {"pool5", {1, 256, 14, 14}},
                                                        {"conv10", {1, 1000, 14, 14}}});
}

TEST_CASE("NIN") {
  check_shapes(build_zoo("nin").graph, {{"conv1", {1, 96, 54, 54}},
                                        {"pool0", {1, 96, 27, 27}},
                                        {"pool2", {1, 256, 13, 13}},
                                        {"pool3", {1, 384, 6, 6}},
                                        {"cccp8-1024", {1, 1000, 6, 6}},
                                        {"pool4", {1, 1000, 1, 1}}});
}

TEST_CASE("VGG-16 with batch normalisation has torchvision's names") {
  const Graph g = build_zoo("vgg16-bn").graph;
  const std::map<std::string, std::string> same{
      {"features.0", "conv1_1"},  {"features.1", "bn1_1"},  {"features.7", "conv2_1"},
      {"features.40", "conv5_3"}, {"features.41", "bn5_3"}, {"features.43", "pool5"},
      {"classifier.6", "fc8"}};
  for (const auto& [alias, name] : same) CHECK(g.node(g.find(alias)).name == name);
  const Graph deep = build_zoo("vgg19").graph;
  CHECK(deep.node(deep.find("features.34")).name == "conv5_4");
  CHECK(deep.node(deep.find("block5_conv4")).name == "conv5_4");
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
                                                {"block3_conv2_relu", "relu3_2"},
                                                {"predictions_softmax", "prob"},
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
  CHECK(has(message_of([] { (void)build_zoo("vgg_16"); }), "did you mean 'vgg16'"));
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
