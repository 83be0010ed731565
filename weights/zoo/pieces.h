#pragma once

#include <cstdint>
#include <string>

#include "layers/graph.h"
#include "weights/preprocess.h"

/// What the architectures have in common; private to weights/zoo. All pieces are square.
namespace cutaway::weights::zoo_pieces {

struct ConvSize {
  std::int64_t channels;
  std::int32_t kernel;
  std::int32_t stride{1};
  std::int32_t pad{0};
  std::int32_t groups{1};
};

/// A convolution with bias and the ReLU behind it. Returns the ReLU.
NodeId conv_relu(
    Graph& g, const std::string& conv, const std::string& relu, NodeId from, const ConvSize& size);
/// A convolution without bias (for batch normalisation behind it).
NodeId conv_plain(Graph& g, const std::string& name, NodeId from, const ConvSize& size);
/// A convolution with bias and nothing behind it.
NodeId conv_bias(Graph& g, const std::string& name, NodeId from, const ConvSize& size);
/// Max pooling with Caffe's extents: rounded up.
NodeId max_pool(Graph& g,
                const std::string& name,
                NodeId from,
                std::int32_t kernel,
                std::int32_t stride,
                std::int32_t pad = 0);
/// Max pooling with PyTorch's extents: rounded down.
NodeId max_pool_floor(
    Graph& g, const std::string& name, NodeId from, std::int32_t kernel, std::int32_t stride);
NodeId global_average_pool(Graph& g, const std::string& name, NodeId from);
/// Local response normalisation over 5 channels, alpha 1e-4, beta 0.75, k 1.
NodeId lrn(Graph& g, const std::string& name, NodeId from);
/// Flattens, if there is a plane, and applies a fully connected layer. Returns the latter.
NodeId dense(Graph& g, const std::string& name, NodeId from, std::int64_t features);
NodeId relu(Graph& g, const std::string& name, NodeId from);
NodeId dropout(Graph& g, const std::string& name, NodeId from, float rate);
NodeId softmax(Graph& g, const std::string& name, NodeId from);

/// options.classes, or `own` where that is 0.
[[nodiscard]] constexpr std::int64_t classes_or(std::int64_t wanted, std::int64_t own) {
  return wanted == 0 ? own : wanted;
}

/// What BVLC's nets and those trained on its data base expect (caffe_preprocess): AlexNet,
/// CaffeNet, GoogLeNet (caffe/models/*/train_val.prototxt), NIN
/// (gist.github.com/mavenlin/d802a5849de39225bcc6), SqueezeNet (github.com/forresti/SqueezeNet),
/// the CAM nets (github.com/zhoubolei/CAM, demo.m: imresize to 256 x 256, then a crop). Where they
/// subtract a mean image, this is its mean a channel.
[[nodiscard]] Preprocess caffe_imagenet(std::int32_t side, float blue, float green, float red);
/// torchvision's way: short side to 256 with antialiasing, centre crop of `side`, RGB / 255 minus
/// (.485, .456, .406), divided by (.229, .224, .225).
[[nodiscard]] Preprocess torchvision_imagenet(std::int32_t side);

}  // namespace cutaway::weights::zoo_pieces
