#include "weights/zoo/zoo.h"

#include <array>
#include <vector>

#include "runtime/error.h"
#include "weights/zoo/families.h"

namespace cutaway::weights {
namespace {

constexpr std::int64_t kMostClasses = 100'000;

constexpr std::array kZoo{
    ZooEntry{"alexnet-caffe",
             "AlexNet (BVLC): 227x227 BGR, groups, LRN; 61.0 M parameters, 0.72 GMAC",
             build_alexnet_caffe},
    ZooEntry{"alexnet-gap",
             "AlexNet-GAP for class activation maps: 227x227 BGR; 5.7 M parameters, 1.07 GMAC",
             build_alexnet_gap},
    ZooEntry{"alexnet-plus-cam",
             "AlexNet+-CAM as released: 227x227 BGR, maps 11x11; 5.1 M parameters, 0.95 GMAC",
             build_alexnet_plus_cam},
    ZooEntry{"alexnet-torchvision",
             "AlexNet (torchvision): 224x224 RGB; 61.1 M parameters, 0.71 GMAC",
             build_alexnet_torchvision},
    ZooEntry{"caffenet",
             "CaffeNet: AlexNet with pools before LRN, 227x227 BGR; 61.0 M parameters, 0.72 GMAC",
             build_caffenet},
    ZooEntry{"cifar-resnet20", "ResNet-20 for CIFAR-10: 32x32 RGB; 0.27 M parameters, 0.041 GMAC",
             build_cifar_resnet20},
    ZooEntry{"cifar-resnet20-folded", "the same with batch normalisation folded into convolutions",
             build_cifar_resnet20_folded},
    ZooEntry{"cifar-resnet56", "ResNet-56 for CIFAR-10: 32x32 RGB; 0.86 M parameters, 0.126 GMAC",
             build_cifar_resnet56},
    ZooEntry{"densenet121", "DenseNet-121 (torchvision): 224x224 RGB; 8.0 M parameters, 2.83 GMAC",
             build_densenet121},
    ZooEntry{"efficientnet-b0",
             "EfficientNet-B0 (torchvision): 224x224 RGB; 5.3 M parameters, 0.39 GMAC",
             build_efficientnet_b0},
    ZooEntry{"gap-small",
             "small batch-normalised net for training, 96x96 RGB, CAM-ready; 0.25 M parameters, "
             "0.06 GMAC",
             build_gap_small},
    ZooEntry{"googlenet-caffe",
             "GoogLeNet (BVLC): 224x224 BGR, CAM-ready; 7.0 M parameters, 1.58 GMAC",
             build_googlenet_caffe},
    ZooEntry{"googlenet-cam",
             "GoogLeNet-CAM as released: 224x224 BGR, maps 14x14; 8.3 M parameters, 2.21 GMAC",
             build_googlenet_cam},
    ZooEntry{"googlenet-cam-places205",
             "GoogLeNet-CAM for the 205 scenes of Places; 7.5 M parameters, 2.21 GMAC",
             build_googlenet_cam_places},
    ZooEntry{"googlenet-gmp",
             "GoogLeNet-CAM with global maximum pooling; 8.3 M parameters, 2.21 GMAC",
             build_googlenet_gmp},
    ZooEntry{"googlenet-torchvision",
             "GoogLeNet (torchvision): 224x224 RGB, batch-normalised; 6.6 M parameters, 1.50 GMAC",
             build_googlenet_torchvision},
    ZooEntry{"lenet", "LeNet (Caffe) for MNIST: 28x28 grey; 0.43 M parameters, 0.002 GMAC",
             build_lenet},
    ZooEntry{"mobilenet-v2", "MobileNet v2 (torchvision): 224x224 RGB; 3.5 M parameters, 0.30 GMAC",
             build_mobilenet_v2},
    ZooEntry{"nin", "network in network (Caffe): 224x224 BGR; 7.6 M parameters, 1.10 GMAC",
             build_nin},
    ZooEntry{"resnet18", "ResNet-18 (torchvision): 224x224 RGB; 11.7 M parameters, 1.81 GMAC",
             build_resnet18},
    ZooEntry{"resnet34", "ResNet-34 (torchvision): 224x224 RGB; 21.8 M parameters, 3.66 GMAC",
             build_resnet34},
    ZooEntry{"resnet50", "ResNet-50 (torchvision): 224x224 RGB; 25.6 M parameters, 4.09 GMAC",
             build_resnet50},
    ZooEntry{"squeezenet1.0-caffe",
             "SqueezeNet 1.0 (Caffe): 227x227 BGR; 1.2 M parameters, 0.86 GMAC",
             build_squeezenet_caffe},
    ZooEntry{"squeezenet1.0-torchvision",
             "SqueezeNet 1.0 (torchvision): 224x224 RGB; 1.2 M parameters, 0.82 GMAC",
             build_squeezenet_torchvision},
    ZooEntry{"squeezenet1.1-caffe",
             "SqueezeNet 1.1 (Caffe): 227x227 BGR; 1.2 M parameters, 0.39 GMAC",
             build_squeezenet1_1_caffe},
    ZooEntry{"squeezenet1.1-torchvision",
             "SqueezeNet 1.1 (torchvision): 224x224 RGB; 1.2 M parameters, 0.35 GMAC",
             build_squeezenet1_1_torchvision},
    ZooEntry{"vgg11", "VGG-11: 224x224 RGB (torchvision); 132.9 M parameters, 7.6 GMAC",
             build_vgg11},
    ZooEntry{"vgg13", "VGG-13: 224x224 RGB (torchvision); 133.0 M parameters, 11.3 GMAC",
             build_vgg13},
    ZooEntry{"vgg16", "VGG-16: 224x224 BGR; 138.4 M parameters, 15.5 GMAC", build_vgg16},
    ZooEntry{"vgg16-bn",
             "VGG-16, batch-normalised: 224x224 RGB (torchvision); 138.4 M parameters, 15.5 GMAC",
             build_vgg16_bn},
    ZooEntry{"vgg16-cam",
             "VGG16-CAM as released: 224x224 BGR, maps 14x14; 18.1 M parameters, 15.8 GMAC",
             build_vgg16_cam},
    ZooEntry{"vgg16-gap",
             "VGG-16-GAP for class activation maps: 224x224 BGR; 20.5 M parameters, 16.3 GMAC",
             build_vgg16_gap},
    ZooEntry{"vgg19", "VGG-19: 224x224 BGR; 143.7 M parameters, 19.6 GMAC", build_vgg19},
    ZooEntry{"vgg19-quarter",
             "convolutions of VGG-19 at a quarter of the width, for style: 224x224 RGB; 0.8 M "
             "parameters, 1.19 GMAC",
             build_vgg19_quarter},
    ZooEntry{"zfnet", "ZFNet: 224x224 RGB, LRN; 62.4 M parameters, 1.17 GMAC", build_zfnet},
};

}  // namespace

std::span<const ZooEntry> zoo() { return kZoo; }

ZooNet build_zoo(std::string_view name, const ZooOptions& options) {
  if (options.classes < 0 || options.classes > kMostClasses) {
    throw Error(ErrorKind::kUsage, "number of classes")
        .expected("1 to " + std::to_string(kMostClasses))
        .got(std::to_string(options.classes));
  }
  std::vector<std::string> names;
  for (const ZooEntry& entry : kZoo) {
    if (name == entry.name) return entry.build(options);
    names.emplace_back(entry.name);
  }
  std::string hint = "did you mean";
  for (const std::string& near : nearest_names(name, names)) hint += " '" + near + "'";
  throw Error(ErrorKind::kUsage, "unknown architecture '" + std::string(name.substr(0, 64)) + "'")
      .hint(hint);
}

}  // namespace cutaway::weights
