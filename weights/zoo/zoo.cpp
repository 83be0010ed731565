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
    ZooEntry{"cifar-resnet20", "ResNet-20 for CIFAR-10: 32x32 RGB; 0.27 M parameters, 0.041 GMAC",
             build_cifar_resnet20},
    ZooEntry{"cifar-resnet20-folded", "the same with batch normalisation folded into convolutions",
             build_cifar_resnet20_folded},
    ZooEntry{"cifar-resnet56", "ResNet-56 for CIFAR-10: 32x32 RGB; 0.86 M parameters, 0.126 GMAC",
             build_cifar_resnet56},
    ZooEntry{"gap-small",
             "small batch-normalised net for training, 96x96 RGB, CAM-ready; 0.25 M parameters, "
             "0.06 GMAC",
             build_gap_small},
    ZooEntry{"googlenet-caffe",
             "GoogLeNet (BVLC): 224x224 BGR, CAM-ready; 7.0 M parameters, 1.58 GMAC",
             build_googlenet_caffe},
    ZooEntry{"lenet", "LeNet (Caffe) for MNIST: 28x28 grey; 0.43 M parameters, 0.002 GMAC",
             build_lenet},
    ZooEntry{"resnet18", "ResNet-18 (torchvision): 224x224 RGB; 11.7 M parameters, 1.81 GMAC",
             build_resnet18},
    ZooEntry{"resnet34", "ResNet-34 (torchvision): 224x224 RGB; 21.8 M parameters, 3.66 GMAC",
             build_resnet34},
    ZooEntry{"resnet50", "ResNet-50 (torchvision): 224x224 RGB; 25.6 M parameters, 4.09 GMAC",
             build_resnet50},
    ZooEntry{"squeezenet1.0-caffe",
             "SqueezeNet 1.0 (Caffe): 227x227 BGR; 1.2 M parameters, 0.86 GMAC",
             build_squeezenet_caffe},
    ZooEntry{"vgg16", "VGG-16: 224x224 BGR; 138.4 M parameters, 15.5 GMAC", build_vgg16},
    ZooEntry{"vgg19-quarter",
             "convolutions of VGG-19 at a quarter of the width, for style: 224x224 RGB; 0.8 M "
             "parameters, 1.19 GMAC",
             build_vgg19_quarter},
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
