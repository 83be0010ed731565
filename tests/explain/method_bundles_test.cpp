// Maps of real networks on real photographs against Captum and pytorch-grad-cam (tests/golden/make_method_bundles.py).

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "explain/session.h"
#include "explain/tensor_math.h"
#include "tests/support/shared_data.h"
#include "tools/images/preprocess.h"
#include "tools/images/read_image.h"
#include "weights/hdf5_file.h"
#include "weights/import/caffe_hdf5.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;

namespace {

double cosine(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  return ab / std::sqrt(aa * bb);
}

struct Asked {
  std::string method;
  Attributes options;
};

void check_net(const char* architecture, const char* folder, const char* bundle_name) {
  const std::string data = tests::shared_data();
  if (data.empty()) return;
#if !defined(NDEBUG)
  MESSAGE("skipped in a debug build: it takes thousands of passes");
  return;
#endif
  weights::ZooNet zoo = weights::build_zoo(architecture);
  const weights::Imported imported = weights::import_caffe_hdf5(
      data + "/models/" + folder + "/weights.caffe.h5", std::move(zoo.graph));
  const weights::Hdf5File bundle =
      weights::Hdf5File::open(std::string(CUTAWAY_SOURCE_DIR) + "/tests/golden/" + bundle_name);
  const auto whole = [&](const char* name) { return bundle.read_attribute_integer("/", name); };
  const Attributes noise{{"samples", whole("samples")},
                         {"seed", whole("seed")},
                         {"noise", bundle.read_attribute_number("/", "noise")}};
  const std::vector<Asked> asked{
      {"integrated_gradients", {{"steps", whole("steps")}}},
      {"smoothgrad", noise},
      {"vargrad", noise},
      {"occlusion", {{"window", whole("window")}, {"stride", whole("stride")}}},
      {"gradcam++", {}},
      {"hirescam", {}},
      {"xgradcam", {}},
      {"layercam", {}},
      {"eigencam", {{"centered", true}}},
      {"scorecam", {}},
      {"ablationcam", {}}};
  std::vector<explain::MethodPtr> methods;
  for (const Asked& a : asked) methods.push_back(explain::make_method(a.method, a.options));
  explain::Session::Options options;
  options.layer = bundle.read_attribute_text("/", "layer", 256);
  explain::Session session(imported.model, std::move(methods), imported.model.graph.node(0).shape,
                           make_stream(kCpuDevice), options);
  for (int i = 0; i < 2; ++i) {
    const std::string group = "/image" + std::to_string(i);
    const std::string file = bundle.read_attribute_text(group, "file", 256);
    CAPTURE(file);
    const explain::Image image = tools::read_image(data + "/images/imagenet_val/images/" + file);
    const auto number = static_cast<std::uint64_t>(bundle.read_attribute_integer(group, "number"));
    (void)session.forward(tools::preprocess(image, zoo.preprocess), {number});
    const auto maps = session.explain({bundle.read_attribute_integer(group, "class")});
    for (std::size_t m = 0; m < maps.size(); ++m) {
      CAPTURE(asked[m].method);
      const auto want = bundle.read_f32(group + "/" + asked[m].method, 10000000);
      const double agreement = cosine(maps[m].map.f32(), want);
      MESSAGE(std::string(architecture) << " " << asked[m].method << " " << file << ": cosine " << agreement);
      // Issue 4 asks for 0.999. VarGrad and SmoothGrad average gradients whose ReLU masks rounding flips here and there.
      CHECK(agreement >= 0.999);
    }
    CHECK(std::fabs(maps[0].measures.at(0).number("completeness_relative", 1.0)) < 0.05);
  }
}

}  // namespace

TEST_CASE("GoogLeNet's maps agree with Captum and pytorch-grad-cam") {
  check_net("googlenet-caffe", "bvlc_googlenet", "methods_googlenet.h5");
}

TEST_CASE("SqueezeNet's maps agree with Captum and pytorch-grad-cam") {
  check_net("squeezenet1.0-caffe", "squeezenet_v1.0", "methods_squeezenet.h5");
}
