// Nets that others trained, from plain HDF5 files: what their authors say of them holds here.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "layers/executor.h"
#include "tests/support/shared_data.h"
#include "tests/support/skip.h"
#include "weights/import/formats.h"
#include "weights/import/importer.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;

namespace {

Model imported(const std::string& file, const char* architecture) {
  const weights::Source source = weights::open_source({file});
  const Graph graph = weights::build_zoo(architecture).graph;
  return weights::import_weights(source, graph, source.bind(graph, architecture)).model;
}

}  // namespace

TEST_CASE("the CIFAR ResNet-20 knows its pictures") {
  const std::string data = tests::shared_data();
  if (data.empty()) return;
  const std::string folder = data + "/images/cifar10_png/";
  const std::string weights_file = data + "/models/cifar10_resnet20/weights.h5";
  std::ifstream file(folder + "labels_train_batch0-3.npy", std::ios::binary);
  if (!file || !std::filesystem::exists(weights_file)) {
    tests::skip_case("no CIFAR pictures or no ResNet-20 in " + data);
    return;
  }
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  const std::string labels = all.substr(all.size() - 4000);  // one byte a picture behind a header
  const Model net = imported(weights_file, "cifar-resnet20-folded");
  const weights::Preprocess rule = weights::build_zoo("cifar-resnet20-folded").preprocess;
  constexpr std::int64_t kBatch = 250;
  PlanRequest request;
  request.input = {kBatch, 3, 32, 32};
  Executor executor(net, request, CpuStream(2));
  Tensor input = zeros(request.input);
  std::int64_t right = 0;
  for (std::int64_t first = 0; first < 4000; first += kBatch) {
    // A picture a row.
    const explain::Image sheet =
        explain::read_image(folder + "cifar10_batch_" + std::to_string(first / 1000) + ".png", {});
    REQUIRE(sheet.width == 1024);
    for (std::int64_t n = 0; n < kBatch; ++n) {
      explain::Image picture = explain::make_image(32, 32);
      const auto row = sheet.rgb.begin() + (first % 1000 + n) * 3072;
      std::copy_n(row, 3072, picture.rgb.begin());
      explain::fill_input(picture, rule, input.ref().out(), n);
    }
    executor.set_input(input);
    executor.forward();
    const Tensor y = executor.read(executor.output());
    for (std::int64_t n = 0; n < kBatch; ++n) {
      const auto scores = y.f32().subspan(static_cast<std::size_t>(n * 10), 10);
      const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
      right += best == labels[static_cast<std::size_t>(first + n)] ? 1 : 0;
    }
  }
  MESSAGE(right << " of 4000 right");
  // 91.8 % of the test pictures are published; these are of the training set, with labels inferred.
  CHECK(right >= 3990);  // measured: 3992; two may be decided by rounding
}

TEST_CASE("torchvision's ResNet-18 knows ImageNet's pictures") {
  const std::string data = tests::shared_data();
  if (data.empty()) return;
  const std::string folder = data + "/images/imagenet_val/";
  const std::string weights_file = data + "/models/resnet18/model.safetensors";
  std::ifstream list(folder + "labels.csv");
  if (!list || !std::filesystem::exists(weights_file)) {
    tests::skip_case("no ImageNet pictures or no ResNet-18 in " + data);
    return;
  }
  const Model net = imported(weights_file, "resnet18");
  const weights::Preprocess rule = weights::build_zoo("resnet18").preprocess;
  constexpr std::int64_t kPictures = 100, kBatch = 10, kClasses = 1000;
  PlanRequest request;
  request.input = {kBatch, 3, 224, 224};
  Executor executor(net, request, CpuStream(2));
  Tensor input = zeros(request.input);
  std::string line;
  std::getline(list, line);
  REQUIRE(line.starts_with("file,label,"));
  std::int64_t first = 0, fifth = 0;
  for (std::int64_t done = 0; done < kPictures; done += kBatch) {
    std::vector<std::size_t> labels;
    for (std::int64_t n = 0; n < kBatch; ++n) {
      REQUIRE(std::getline(list, line));
      const std::size_t comma = line.find(',');
      labels.push_back(std::stoul(line.substr(comma + 1)));
      const explain::Image picture = explain::read_image(folder + line.substr(0, comma), {});
      explain::fill_input(explain::resize_and_crop(picture, rule), rule, input.ref().out(), n);
    }
    executor.set_input(input);
    executor.forward();
    const Tensor y = executor.read(executor.output());
    for (std::size_t n = 0; n < labels.size(); ++n) {
      const auto scores = y.f32().subspan(n * kClasses, kClasses);
      const float own = scores[labels[n]];
      const auto above =
          std::count_if(scores.begin(), scores.end(), [&](float v) { return v > own; });
      first += above == 0 ? 1 : 0;
      fifth += above < 5 ? 1 : 0;
    }
  }
  MESSAGE(first << " and " << fifth << " of " << kPictures << " right");
  // PyTorch, through torchvision's transforms, has 73 and 90 of these (74.4 and 92.9 % of all 800).
  // The two best scores of the closest picture are 0.01 apart, which resizing in another library
  // may decide.
  CHECK(std::abs(first - 73) <= 1);
  CHECK(std::abs(fifth - 90) <= 1);
}

TEST_CASE("the quarter VGG-19 is imported whole, and its first layer makes BGR of RGB") {
  const std::string data = tests::shared_data();
  if (data.empty()) return;
  const std::string file = data + "/models/vgg19_quarter/weights.h5";
  if (!std::filesystem::exists(file)) {
    tests::skip_case("no " + file);
    return;
  }
  const Model net = imported(file, "vgg19-quarter");
  CHECK(net.graph.parameter_count() == 810140);
  PlanRequest request;
  request.taps = {net.graph.find("conv0")};
  Executor executor(net, request, CpuStream(1));
  const Shape s = net.graph.node(0).shape;
  Tensor input = zeros(s);
  for (std::int64_t c = 0; c < 3; ++c) {
    const auto plane = static_cast<std::size_t>(s.plane());
    std::fill_n(input.f32().begin() + c * s.plane(), plane, 0.25f * static_cast<float>(c + 1));
  }
  executor.set_input(input);
  executor.forward();
  const Tensor y = executor.read(executor.value(request.taps[0]));
  // 255 times blue, green, red, less the means of ImageNet.
  const float wanted[] = {0.75f * 255 - 103.939f, 0.5f * 255 - 116.779f, 0.25f * 255 - 123.68f};
  for (std::int64_t c = 0; c < 3; ++c) {
    // Within a level: the file's own numbers are 254.8 to 255.3 and up to 0.3 of the other colours.
    CHECK(std::abs(y.f32()[static_cast<std::size_t>(c * s.plane())] - wanted[c]) < 1.0f);
  }
  const Tensor last = executor.read(executor.output());
  CHECK(
      std::all_of(last.f32().begin(), last.f32().end(), [](float v) { return std::isfinite(v); }));
  CHECK(std::any_of(last.f32().begin(), last.f32().end(), [](float v) { return v > 0; }));
}
