#pragma once

#include "weights/zoo/zoo.h"

/// The builders behind zoo(), one family a file; private to weights/zoo.
namespace cutaway::weights {

/// AlexNet as BVLC trained it (Krizhevsky et al. 2012): 227 x 227 BGR, groups, LRN before the
/// pools.
ZooNet build_alexnet_caffe(const ZooOptions& options);
/// CaffeNet: AlexNet with its pools before the LRN; otherwise the same.
ZooNet build_caffenet(const ZooOptions& options);
/// torchvision's AlexNet (Krizhevsky 2014): 224 x 224 RGB, no groups, no LRN, other widths, dropout
/// before fc6 and fc7. Aliases are torchvision's modules.
ZooNet build_alexnet_torchvision(const ZooOptions& options);
/// AlexNet-GAP as the text of Zhou et al. 2016 has it: AlexNet up to relu5, 1024 3x3 convolutions,
/// global average pooling, one fully connected layer; maps of 13 x 13.
ZooNet build_alexnet_gap(const ZooOptions& options);
/// AlexNet+-CAM as it was released (Zhou et al. 2016): two more convolutions, 512 maps of 11 x 11.
ZooNet build_alexnet_plus_cam(const ZooOptions& options);
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
/// DenseNet-121 (Huang et al. 2017) as torchvision has it, with its names: 224 x 224 RGB.
ZooNet build_densenet121(const ZooOptions& options);
/// EfficientNet-B0 (Tan & Le 2019) as torchvision has it, with its names: 224 x 224 RGB.
ZooNet build_efficientnet_b0(const ZooOptions& options);
/// GoogLeNet as BVLC trained it (Szegedy et al. 2014), without auxiliary heads; names as in its
/// deploy.prototxt.
ZooNet build_googlenet_caffe(const ZooOptions& options);
/// torchvision's GoogLeNet: batch normalisation, 3x3 where the paper has 5x5, no LRN, no auxiliary
/// heads. Nodes are named as torchvision's modules.
ZooNet build_googlenet_torchvision(const ZooOptions& options);
/// GoogLeNet-CAM as it was released (Zhou et al. 2016): up to inception_4e, CAM_conv with two
/// groups, global average pooling; for ImageNet and for the 205 scenes of Places.
ZooNet build_googlenet_cam(const ZooOptions& options);
ZooNet build_googlenet_cam_places(const ZooOptions& options);
/// The same with global maximum pooling.
ZooNet build_googlenet_gmp(const ZooOptions& options);
/// Caffe's LeNet for MNIST: 28 x 28 grey, scaled to 0..1 by 1/256.
ZooNet build_lenet(const ZooOptions& options);
/// MobileNet v2 (Sandler et al. 2018) as torchvision has it, with its names: 224 x 224 RGB.
ZooNet build_mobilenet_v2(const ZooOptions& options);
/// Network in network (Lin et al. 2013), the ImageNet model of Caffe's zoo: 224 x 224 BGR, ends in
/// global average pooling of 1000 class maps.
ZooNet build_nin(const ZooOptions& options);
/// Residual nets (He et al. 2016) as torchvision has them, with its names: 224 x 224 RGB.
ZooNet build_resnet18(const ZooOptions& options);
ZooNet build_resnet34(const ZooOptions& options);
ZooNet build_resnet50(const ZooOptions& options);
/// SqueezeNet 1.0 (Iandola et al. 2016) in Caffe's form: 227 x 227 BGR, padding 1 in the last
/// convolution.
ZooNet build_squeezenet_caffe(const ZooOptions& options);
/// SqueezeNet 1.1 in Caffe's form, with the names of the paper's prototxt.
ZooNet build_squeezenet1_1_caffe(const ZooOptions& options);
/// torchvision's SqueezeNet 1.0 and 1.1: 224 x 224 RGB, no padding in the last convolution.
/// Aliases are torchvision's modules.
ZooNet build_squeezenet_torchvision(const ZooOptions& options);
ZooNet build_squeezenet1_1_torchvision(const ZooOptions& options);
/// VGG-11, -13, -16, -19 (Simonyan & Zisserman 2014, configurations A, B, D, E) and VGG-16 with
/// batch normalisation: 224 x 224. 16 and 19 expect BGR as the authors' weights do, the others,
/// known from torchvision, its normalised RGB. Aliases are torchvision's modules and Keras' layers.
ZooNet build_vgg11(const ZooOptions& options);
ZooNet build_vgg13(const ZooOptions& options);
ZooNet build_vgg16(const ZooOptions& options);
ZooNet build_vgg16_bn(const ZooOptions& options);
ZooNet build_vgg19(const ZooOptions& options);
/// The convolutions of VGG-19 up to conv5_1 at a quarter of the width, as distilled for style
/// transfer: reflection padding, RGB in 0..1 turned into BGR minus mean by a first 1x1 convolution;
/// no classifier.
ZooNet build_vgg19_quarter(const ZooOptions& options);
/// VGG16-CAM as it was released (Zhou et al. 2016): up to relu5_3, CAM_conv with two groups,
/// dropout.
ZooNet build_vgg16_cam(const ZooOptions& options);
/// VGG-16-GAP as the text has it: one group, no dropout.
ZooNet build_vgg16_gap(const ZooOptions& options);
/// ZFNet (Zeiler & Fergus 2013): 224 x 224 RGB, LRN behind the pools, no groups.
ZooNet build_zfnet(const ZooOptions& options);

}  // namespace cutaway::weights
