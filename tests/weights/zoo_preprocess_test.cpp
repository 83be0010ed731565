// What every architecture of the zoo expects of its pictures, and the order of its labels.

#include <algorithm>

#include "tests/weights/scratch.h"
#include "weights/import/caffe/caffe_graph.h"
#include "weights/preprocess_presets.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;

namespace {

struct Expected {
  const char *name, *labels;
  ColorOrder order;
  float scale;
  std::array<float, 3> mean, std;
  std::int32_t side;  // of the picture that the net sees
};

constexpr std::array<float, 3> kOne{1, 1, 1};
// Means as the nets' authors publish them, in the net's own order of channels.
constexpr std::array<float, 3> kAlexNet{104.00699F, 116.66877F, 122.67891F};
constexpr std::array<float, 3> kVgg{103.939F, 116.779F, 123.68F};
constexpr std::array<float, 3> kRound{104, 117, 123};
constexpr std::array<float, 3> kTorchMean{0.485F, 0.456F, 0.406F};
constexpr std::array<float, 3> kTorchStd{0.229F, 0.224F, 0.225F};
constexpr std::array<float, 3> kHalf{0.5F, 0.5F, 0.5F};

constexpr Expected caffe(const char* name,
                         const std::array<float, 3>& mean,
                         std::int32_t side,
                         const char* labels = "imagenet") {
  return {name, labels, ColorOrder::kBgr, 1, mean, kOne, side};
}

constexpr Expected torchvision(const char* name) {
  return {name, "imagenet", ColorOrder::kRgb, 1.0F / 255, kTorchMean, kTorchStd, 224};
}

constexpr Expected kExpected[] = {
    caffe("alexnet-caffe", kAlexNet, 227),
    caffe("caffenet", kAlexNet, 227),
    caffe("alexnet-gap", kAlexNet, 227),
    caffe("alexnet-plus-cam", kAlexNet, 227),
    caffe("googlenet-caffe", kRound, 224),
    caffe("googlenet-cam", kRound, 224),
    caffe("googlenet-cam-places205", kRound, 224, "places205"),
    caffe("googlenet-gmp", kRound, 224),
    caffe("nin", kRound, 224),
    caffe("squeezenet1.0-caffe", kRound, 227),
    caffe("squeezenet1.1-caffe", kRound, 227),
    caffe("vgg16", kVgg, 224),
    caffe("vgg19", kVgg, 224),
    caffe("vgg16-cam", kVgg, 224),
    caffe("vgg16-gap", kVgg, 224),
    torchvision("alexnet-torchvision"),
    torchvision("vgg11"),
    torchvision("vgg13"),
    torchvision("vgg16-bn"),
    torchvision("squeezenet1.0-torchvision"),
    torchvision("squeezenet1.1-torchvision"),
    torchvision("resnet18"),
    torchvision("resnet34"),
    torchvision("resnet50"),
    torchvision("densenet121"),
    torchvision("efficientnet-b0"),
    torchvision("mobilenet-v2"),
    // x' = x s / 0.5 + (m - 0.5) / 0.5 (torchvision's transform_input) is the pixel, in 0..1, less
    // 0.5, over 0.5.
    {"googlenet-torchvision", "imagenet", ColorOrder::kRgb, 1.0F / 255, kHalf, kHalf, 224}};

bool close(const std::array<float, 3>& a, const std::array<float, 3>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](float x, float y) {
    return std::abs(x - y) <= 1e-5F * std::abs(y);  // the spec has more digits than some authors
  });
}

}  // namespace

TEST_CASE("preprocessing and label order of the architectures") {
  for (const Expected& wanted : kExpected) {
    CAPTURE(wanted.name);
    const ZooNet net = build_zoo(wanted.name);
    const Preprocess& p = net.preprocess;
    CHECK(p.declared);
    CHECK(net.label_set == wanted.labels);
    CHECK(p.order == wanted.order);
    CHECK(p.scale == doctest::Approx(wanted.scale));
    CHECK(close(p.mean, wanted.mean));
    CHECK(close(p.std, wanted.std));
    CHECK(net.graph.node(0).shape == Shape{1, 3, wanted.side, wanted.side});
    CHECK(p.crop == CropRule::kCenter);
    CHECK(p.crop_width == wanted.side);
    CHECK(p.crop_height == wanted.side);
    // BVLC warps to 256 x 256 (examples/imagenet/create_imagenet.sh); VGG's authors and torchvision
    // keep the aspect ratio. All cut their crop out of 256 pixels.
    const bool keeps_aspect = p.order != ColorOrder::kBgr || std::string(wanted.name) == "vgg16" ||
                              std::string(wanted.name) == "vgg19";
    CHECK(p.resize == (keeps_aspect ? ResizeRule::kShortSide : ResizeRule::kWarp));
    CHECK(p.short_side == (keeps_aspect ? 256 : 0));
    CHECK(p.width == (keeps_aspect ? 0 : 256));
    CHECK(p.height == (keeps_aspect ? 0 : 256));
    if (p.order == ColorOrder::kBgr && !keeps_aspect) {
      CHECK(p.interpolation == Interpolation::kBilinear);
    }
    if (p.order == ColorOrder::kRgb) {
      // torchvision's weights say their own transforms: EfficientNet's are bicubic.
      const bool cubic = std::string(wanted.name).starts_with("efficientnet");
      CHECK(p.interpolation == (cubic ? Interpolation::kCubicPil : Interpolation::kBilinearPil));
    }
    CHECK(p.crop_offset ==
          (p.order == ColorOrder::kBgr ? CropOffset::kFloor : CropOffset::kHalfEven));
  }
  const ZooNet zf = build_zoo("zfnet");  // its own: one mean for all channels' 0..255
  CHECK(zf.preprocess.order == ColorOrder::kRgb);
  CHECK(zf.label_set == "imagenet");
  for (const char* name : {"cifar-resnet20", "cifar-resnet56"}) {
    CAPTURE(name);
    const ZooNet net = build_zoo(name);
    CHECK(net.label_set == "cifar10");
    CHECK(net.preprocess.order == ColorOrder::kRgb);
    CHECK(close(net.preprocess.mean, kTorchMean));
    CHECK(close(net.preprocess.std, kTorchStd));
    CHECK(net.graph.node(0).shape == Shape{1, 3, 32, 32});
  }
  CHECK(build_zoo("lenet").label_set == "mnist");
}

TEST_CASE("a net has the same preprocessing by every road of import") {
  // The zoo's, the preset's and that of a data layer in a training prototxt.
  const Preprocess zoo_rule = build_zoo("googlenet-caffe").preprocess;
  CHECK(preprocess_preset("caffe", Shape{1, 3, 224, 224}) == zoo_rule);
  CHECK(preprocess_preset("caffe", Shape{1, 3, 227, 227}) ==
        build_zoo("squeezenet1.1-caffe").preprocess);
  CHECK(preprocess_preset("caffe-vgg", Shape{1, 3, 224, 224}) == build_zoo("vgg16").preprocess);
  CHECK(preprocess_preset("torchvision", Shape{1, 3, 224, 224}) ==
        build_zoo("resnet18").preprocess);
  const std::string text =
      "layer { name: 'data' type: 'Data' top: 'data' top: 'label' transform_param { crop_size: 224 "
      "mean_value: 104 mean_value: 117 mean_value: 123 } }\n"
      "layer { name: 'c' type: 'Convolution' bottom: 'data' top: 'c' convolution_param { "
      "num_output: "
      "4 kernel_size: 3 } }";
  const CaffeGraph net = caffe_graph(TextMessage::parse(text, "net"), "net");
  REQUIRE(net.preprocess.has_value());
  CHECK(*net.preprocess == zoo_rule);
}

TEST_CASE("no architecture is without a test of its preprocessing") {
  for (const ZooEntry& entry : zoo()) {
    const std::string name = entry.name;
    CAPTURE(name);
    const bool listed = std::any_of(std::begin(kExpected), std::end(kExpected),
                                    [&](const Expected& e) { return name == e.name; });
    // The last two have the preprocessing of their data, and tests that run them on it.
    const bool elsewhere = name == "zfnet" || name.starts_with("cifar-resnet") || name == "lenet" ||
                           name == "vgg19-quarter" || name == "gap-small";
    CHECK((listed || elsewhere));
    CHECK(entry.build({}).preprocess.declared);
  }
}
