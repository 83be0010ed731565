// Maps of real networks on real photographs against PyTorch (bundles made by tests/golden).

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/session.h"
#include "tests/support/agreement.h"
#include "tests/support/shared_data.h"
#include "tests/support/source_dir.h"
#include "tests/support/warped_pictures.h"
#include "weights/hdf5_file.h"
#include "weights/import/caffe/caffe_hdf5.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;

namespace {

struct Net {
  const char* architecture;
  const char* folder;
  const char* bundle;
};

double scale_of(const weights::Hdf5File& file, const std::string& dataset) {
  if (!file.has_attribute(dataset, "scale")) return 1.0;
  return file.read_attribute_number(dataset, "scale");
}

/// Guided backpropagation and Grad-CAM must be within 1e-3 of the range. So must saliency, unless
/// rounding sends the signal of some ReLU or pooling window another way: PyTorch's own float32 is
/// up to 9e-3 off its float64 on these pictures (tests/golden/README.md). Then the difference must
/// stay below what noise of the size of rounding does (recorded in the bundle), and at most 3 of 5
/// pictures may be concerned.
void check_net(const Net& net, const std::string& engine) {
  constexpr double kLargest = 1e-3;
  int flipped = 0;
  const std::string data = tests::shared_data();
  if (data.empty()) return;
  weights::ZooNet zoo = weights::build_zoo(net.architecture);
  const weights::Imported imported = weights::import_caffe_hdf5(
      data + "/models/" + net.folder + "/weights.caffe.h5", std::move(zoo.graph));
  const weights::Hdf5File bundle =
      weights::Hdf5File::open(source_dir() + "/tests/golden/" + net.bundle);
  std::vector<explain::MethodPtr> methods;
  const std::vector<std::string> names{"saliency", "guided", "gradcam"};
  const std::vector<std::string> datasets{"saliency", "guided", "grad_cam"};
  for (const std::string& name : names) methods.push_back(explain::make_method(name));
  explain::Session::Options options;
  options.engines.force = engine;
  explain::Session session(imported.model, std::move(methods), imported.model.graph.node(0).shape,
                           make_stream(kCpuDevice), options);
  for (int i = 0; i < 5; ++i) {
    const std::string group = "/image" + std::to_string(i);
    const std::string file = bundle.read_attribute_text(group, "file", 256);
    const std::int64_t target = bundle.read_attribute_integer(group, "class");
    CAPTURE(file);
    const explain::Image image = explain::read_image(data + "/images/imagenet_val/images/" + file);
    const Tensor logits =
        session.forward(explain::preprocess(image, tests::for_warped_pictures(zoo.preprocess)))
            .clone();
    const auto want_logits = bundle.read_f32(group + "/logits", 100000);
    const tests::Agreement scores =
        tests::agreement(logits.f32(), want_logits, scale_of(bundle, group + "/logits"));
    CHECK(scores.cosine >= 0.999999);
    CHECK(scores.largest <= 1e-4);
    const auto maps = session.explain({target});
    for (std::size_t m = 0; m < maps.size(); ++m) {
      CAPTURE(names[m]);
      const std::string dataset = group + "/" + datasets[m];
      const tests::Agreement a = tests::agreement(
          maps[m].map.f32(), bundle.read_f32(dataset, 10000000), scale_of(bundle, dataset));
      MESSAGE(std::string(net.architecture)
              << " " << names[m] << " " << file << ": cosine " << a.cosine
              << ", largest difference " << a.largest << " of the range");
      CHECK(a.cosine >= 0.9999);
      if (names[m] != "saliency" || a.largest <= kLargest) {
        CHECK(a.largest <= kLargest);
        continue;
      }
      ++flipped;
      CHECK(a.largest <= bundle.read_attribute_number(dataset, "noise_max"));
    }
  }
  CHECK(flipped <= 3);
}

}  // namespace

TEST_CASE("GoogLeNet's maps agree with PyTorch") {
  check_net({"googlenet-caffe", "bvlc_googlenet", "googlenet.h5"}, "");
}

TEST_CASE("SqueezeNet's maps agree with PyTorch") {
  check_net({"squeezenet1.0-caffe", "squeezenet_v1.0", "squeezenet.h5"}, "");
}
