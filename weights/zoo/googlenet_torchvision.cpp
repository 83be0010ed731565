#include "layers/batch_norm.h"
#include "layers/concat.h"
#include "layers/max_pool.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"

namespace cutaway::weights {
namespace {

using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary

struct Inception {
  const char* name;
  std::int64_t one, three_reduce, three, five_reduce, five, projection;
};

// Szegedy et al. 2014, table 1.
constexpr Inception kModules[] = {
    {"inception3a", 64, 96, 128, 16, 32, 32},     {"inception3b", 128, 128, 192, 32, 96, 64},
    {"inception4a", 192, 96, 208, 16, 48, 64},    {"inception4b", 160, 112, 224, 24, 64, 64},
    {"inception4c", 128, 128, 256, 24, 64, 64},   {"inception4d", 112, 144, 288, 32, 64, 64},
    {"inception4e", 256, 160, 320, 32, 128, 128}, {"inception5a", 256, 160, 320, 32, 128, 128},
    {"inception5b", 384, 192, 384, 48, 128, 128}};

// Nodes are named as torchvision's modules: <name>.conv, <name>.bn; the ReLU is a function there.
NodeId block(Graph& g, const std::string& name, NodeId from, const ConvSize& size) {
  const NodeId conv = conv_plain(g, name + ".conv", from, size);
  const NodeId norm = g.add(name + ".bn", std::make_shared<BatchNorm>(1e-3), {conv});
  return relu(g, name + ".relu", norm);
}

NodeId inception(Graph& g, const Inception& m, NodeId from) {
  const std::string name = m.name;
  const NodeId one = block(g, name + ".branch1", from, {m.one, 1});
  NodeId three = block(g, name + ".branch2.0", from, {m.three_reduce, 1});
  three = block(g, name + ".branch2.1", three, {m.three, 3, 1, 1});
  // The branch that the paper gives 5x5 convolutions has 3x3 ones here.
  NodeId five = block(g, name + ".branch3.0", from, {m.five_reduce, 1});
  five = block(g, name + ".branch3.1", five, {m.five, 3, 1, 1});
  const NodeId pool = max_pool(g, name + ".branch4.0", from, 3, 1, 1);
  const NodeId projection = block(g, name + ".branch4.1", pool, {m.projection, 1});
  return g.add(name, std::make_shared<Concat>(), {one, three, five, projection});
}

}  // namespace

ZooNet build_googlenet_torchvision(const ZooOptions& options) {
  Graph g(Shape{1, 3, 224, 224});
  NodeId at = max_pool(g, "maxpool1", block(g, "conv1", 0, {64, 7, 2, 3}), 3, 2);
  at = block(g, "conv3", block(g, "conv2", at, {64, 1}), {192, 3, 1, 1});
  at = max_pool(g, "maxpool2", at, 3, 2);
  for (const Inception& module : kModules) {
    at = inception(g, module, at);
    const std::string name = module.name;
    if (name == "inception3b") at = max_pool(g, "maxpool3", at, 3, 2);
    if (name == "inception4e") at = max_pool(g, "maxpool4", at, 2, 2);
  }
  at = dropout(g, "dropout", global_average_pool(g, "avgpool", at), 0.2f);
  softmax(g, "prob", dense(g, "fc", at, classes_or(options.classes, 1000)));
  // torchvision turns its own normalisation into [-1, 1] inside the net (transform_input); the two
  // steps together are this one.
  Preprocess p = torchvision_imagenet(224);
  p.mean = {0.5f, 0.5f, 0.5f};
  p.std = {0.5f, 0.5f, 0.5f};
  return {std::move(g), p, "imagenet"};
}

}  // namespace cutaway::weights
