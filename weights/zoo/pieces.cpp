#include "weights/zoo/pieces.h"

#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/lrn.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "layers/softmax.h"
#include "weights/preprocess_presets.h"

namespace cutaway::weights::zoo_pieces {
namespace {

kernels::ConvGeometry geometry(const ConvSize& s) {
  return {s.kernel, s.kernel, s.stride, s.stride, s.pad, s.pad, 1, 1, s.groups};
}

}  // namespace

NodeId conv_relu(Graph& g,
                 const std::string& conv,
                 const std::string& relu_name,
                 NodeId from,
                 const ConvSize& size) {
  return relu(g, relu_name, conv_bias(g, conv, from, size));
}

NodeId conv_plain(Graph& g, const std::string& name, NodeId from, const ConvSize& size) {
  return g.add(name, std::make_shared<Conv>(size.channels, geometry(size), false), {from});
}

NodeId conv_bias(Graph& g, const std::string& name, NodeId from, const ConvSize& size) {
  return g.add(name, std::make_shared<Conv>(size.channels, geometry(size)), {from});
}

NodeId max_pool(Graph& g,
                const std::string& name,
                NodeId from,
                std::int32_t kernel,
                std::int32_t stride,
                std::int32_t pad) {
  const kernels::PoolGeometry window{kernel, kernel, stride, stride, pad, pad};
  return g.add(name, std::make_shared<MaxPool>(window, true), {from});
}

NodeId max_pool_floor(
    Graph& g, const std::string& name, NodeId from, std::int32_t kernel, std::int32_t stride) {
  const kernels::PoolGeometry window{kernel, kernel, stride, stride, 0, 0};
  return g.add(name, std::make_shared<MaxPool>(window, false), {from});
}

NodeId global_average_pool(Graph& g, const std::string& name, NodeId from) {
  return g.add(name, std::make_shared<GlobalAveragePool>(), {from});
}

NodeId lrn(Graph& g, const std::string& name, NodeId from) {
  return g.add(name, std::make_shared<Lrn>(kernels::LrnParameters{5, 1e-4f, 0.75f, 1.0f}), {from});
}

NodeId dense(Graph& g, const std::string& name, NodeId from, std::int64_t features) {
  const Shape& shape = g.node(from).shape;
  if (shape.plane() > 1) from = g.add("flatten", std::make_shared<Flatten>(), {from});
  return g.add(name, std::make_shared<Dense>(features), {from});
}

NodeId relu(Graph& g, const std::string& name, NodeId from) {
  return g.add(name, std::make_shared<Relu>(), {from});
}

NodeId dropout(Graph& g, const std::string& name, NodeId from, float rate) {
  return g.add(name, std::make_shared<Dropout>(rate), {from});
}

NodeId softmax(Graph& g, const std::string& name, NodeId from) {
  return g.add(name, std::make_shared<Softmax>(), {from});
}

Preprocess caffe_imagenet(std::int32_t side, float blue, float green, float red) {
  return caffe_preprocess(side, {blue, green, red});
}

Preprocess torchvision_imagenet(std::int32_t side) {
  return preprocess_preset("torchvision", Shape{1, 3, side, side});
}

}  // namespace cutaway::weights::zoo_pieces
