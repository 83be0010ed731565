#pragma once

#include "weights/zoo/zoo.h"

/// The builders behind zoo(), one family a file; private to weights/zoo.
namespace cutaway::weights {

/// AlexNet as BVLC trained it (Krizhevsky et al. 2012; methods.md H.1): 227 x 227 BGR, groups, LRN
/// before the pools.
ZooNet build_alexnet_caffe(const ZooOptions& options);
/// A small net for training from nothing: six 3x3 convolutions with batch normalisation on 96 x 96
/// RGB, last maps 96 x 12 x 12, then global average pooling and one fully connected layer, so that
/// class activation maps (Zhou et al. 2016) apply as they are. 0.25 million parameters, 57 million
/// multiply-adds.
ZooNet build_gap_small(const ZooOptions& options);
/// CIFAR-10's residual nets (He et al. 2016, section 4.2) with 1x1 projections, 32 x 32 RGB in
/// torchvision's arithmetic: 0.27 and 0.86 million parameters. Folded: convolutions with biases
/// instead of batch normalisation; projections are called "shortcut".
ZooNet build_cifar_resnet20(const ZooOptions& options);
ZooNet build_cifar_resnet20_folded(const ZooOptions& options);
ZooNet build_cifar_resnet56(const ZooOptions& options);
/// GoogLeNet as BVLC trained it (Szegedy et al. 2014; methods.md H.3), without auxiliary heads;
/// names as in its deploy.prototxt.
ZooNet build_googlenet_caffe(const ZooOptions& options);
/// Caffe's LeNet for MNIST: 28 x 28 grey, scaled to 0..1 by 1/256.
ZooNet build_lenet(const ZooOptions& options);
/// Residual nets (He et al. 2016) as torchvision has them, with its names: 224 x 224 RGB.
ZooNet build_resnet18(const ZooOptions& options);
ZooNet build_resnet34(const ZooOptions& options);
ZooNet build_resnet50(const ZooOptions& options);
/// SqueezeNet 1.0 (Iandola et al. 2016; methods.md H.4) in Caffe's form: 227 x 227 BGR, padding 1
/// in the last convolution.
ZooNet build_squeezenet_caffe(const ZooOptions& options);
/// The convolutions of VGG-19 up to conv5_1 at a quarter of the width, as distilled for style
/// transfer: reflection padding, RGB in 0..1 turned into BGR minus mean by a first 1x1 convolution;
/// no classifier.
ZooNet build_vgg19_quarter(const ZooOptions& options);
/// VGG-16 (Simonyan & Zisserman 2014, configuration D; methods.md H.2): 224 x 224 BGR.
ZooNet build_vgg16(const ZooOptions& options);

}  // namespace cutaway::weights
