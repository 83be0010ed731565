#include "layers/average_pool.h"
#include "layers/concat.h"
#include "weights/zoo/families.h"
#include "weights/zoo/pieces.h"
#include "weights/zoo/trunks.h"

namespace cutaway::weights {
namespace zoo_pieces {
namespace {

struct Inception {
  const char* name;
  std::int64_t one, three_reduce, three, five_reduce, five, projection;
};

// Szegedy et al. 2014, table 1.
constexpr Inception kModules[] = {
    {"inception_3a", 64, 96, 128, 16, 32, 32},     {"inception_3b", 128, 128, 192, 32, 96, 64},
    {"inception_4a", 192, 96, 208, 16, 48, 64},    {"inception_4b", 160, 112, 224, 24, 64, 64},
    {"inception_4c", 128, 128, 256, 24, 64, 64},   {"inception_4d", 112, 144, 288, 32, 64, 64},
    {"inception_4e", 256, 160, 320, 32, 128, 128}, {"inception_5a", 256, 160, 320, 32, 128, 128},
    {"inception_5b", 384, 192, 384, 48, 128, 128}};

NodeId inception(Graph& g, const Inception& m, NodeId from) {
  const std::string name = m.name;
  const auto conv = [&](const std::string& part, NodeId input, const ConvSize& size) {
    return conv_relu(g, name + "/" + part, name + "/relu_" + part, input, size);
  };
  const NodeId one = conv("1x1", from, {m.one, 1});
  const NodeId three =
      conv("3x3", conv("3x3_reduce", from, {m.three_reduce, 1}), {m.three, 3, 1, 1});
  const NodeId five = conv("5x5", conv("5x5_reduce", from, {m.five_reduce, 1}), {m.five, 5, 1, 2});
  const NodeId pool = max_pool(g, name + "/pool", from, 3, 1, 1);
  const NodeId projection = conv("pool_proj", pool, {m.projection, 1});
  return g.add(name + "/output", std::make_shared<Concat>(), {one, three, five, projection});
}

// Up to the module of that name. Its pools stand between the modules; none follows the last one.
NodeId modules(Graph& g, const std::string& last) {
  NodeId at = conv_relu(g, "conv1/7x7_s2", "conv1/relu_7x7", 0, {64, 7, 2, 3});
  at = lrn(g, "pool1/norm1", max_pool(g, "pool1/3x3_s2", at, 3, 2));
  at = conv_relu(g, "conv2/3x3_reduce", "conv2/relu_3x3_reduce", at, {64, 1});
  at = conv_relu(g, "conv2/3x3", "conv2/relu_3x3", at, {192, 3, 1, 1});
  at = max_pool(g, "pool2/3x3_s2", lrn(g, "conv2/norm2", at), 3, 2);
  for (const Inception& module : kModules) {
    at = inception(g, module, at);
    const std::string name = module.name;
    if (name == last) break;
    if (name == "inception_3b") at = max_pool(g, "pool3/3x3_s2", at, 3, 2);
    if (name == "inception_4e") at = max_pool(g, "pool4/3x3_s2", at, 3, 2);
  }
  return at;
}

}  // namespace

NodeId googlenet_trunk(Graph& g) { return modules(g, "inception_4e"); }

}  // namespace zoo_pieces

ZooNet build_googlenet_caffe(const ZooOptions& options) {
  using namespace zoo_pieces;  // NOLINT(google-build-using-namespace): the file's vocabulary
  Graph g(Shape{1, 3, 224, 224});
  NodeId at = modules(g, "inception_5b");
  const kernels::PoolGeometry whole{7, 7, 1, 1, 0, 0};
  at = g.add("pool5/7x7_s1", std::make_shared<AveragePool>(whole, true, true), {at});
  at = dropout(g, "pool5/drop_7x7_s1", at, 0.4f);
  softmax(g, "prob", dense(g, "loss3/classifier", at, classes_or(options.classes, 1000)));
  return {std::move(g), caffe_imagenet(224, 104.0f, 117.0f, 123.0f), "imagenet"};
}

}  // namespace cutaway::weights
