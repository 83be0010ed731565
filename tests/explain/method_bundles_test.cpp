// Maps of real networks on real photographs against independent implementations: Captum,
// pytorch-grad-cam, torch-cam, and what is written out in tests/golden (make_method_bundles.py).

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "explain/network.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/session.h"
#include "tests/support/agreement.h"
#include "tests/support/shared_data.h"
#include "tests/support/skip.h"
#include "tests/support/source_dir.h"
#include "tests/support/warped_pictures.h"
#include "weights/hdf5_file.h"
#include "weights/import/formats.h"
#include "weights/import/importer.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;

namespace {

/// Every step-th row and column of all planes.
std::vector<float> thinned(const Tensor& map, std::int64_t step) {
  const Shape& s = map.shape();
  std::vector<float> values;
  for (std::int64_t c = 0; c < s.n * s.c; ++c) {
    for (std::int64_t i = 0; i < s.h; i += step) {
      for (std::int64_t j = 0; j < s.w; j += step) {
        values.push_back(map.f32()[static_cast<std::size_t>((c * s.h + i) * s.w + j)]);
      }
    }
  }
  return values;
}

/// A dataset of the bundle and who must find the same.
struct Asked {
  std::string dataset, method;
  Attributes options;
};

std::vector<Asked> asked_of(const weights::Hdf5File& bundle) {
  // Numbers of methods that a bundle does not hold may be missing; no dataset asks for them then.
  const auto whole = [&](const char* name) {
    return bundle.has_attribute("/", name) ? bundle.read_attribute_integer("/", name) : 2;
  };
  const auto text = [&](const char* name) {
    return bundle.has_attribute("/", name) ? bundle.read_attribute_text("/", name, 512) : "";
  };
  const Attributes noise{{"samples", whole("samples")},
                         {"seed", whole("seed")},
                         {"noise", bundle.read_attribute_number("/", "noise")}};
  Attributes squared = noise;
  squared.set("squared", true);
  return {
      {"integrated_gradients", "integrated_gradients", {{"steps", whole("steps")}}},
      {"gradient_x_input", "gradient_x_input", {}},
      {"sensitivity", "sensitivity", {}},
      {"saliency", "saliency", {}},
      {"guided", "guided", {}},
      {"smoothgrad", "smoothgrad", noise},
      {"smoothgrad_squared", "smoothgrad", squared},
      {"vargrad", "vargrad", noise},
      {"occlusion", "occlusion", {{"window", whole("window")}, {"stride", whole("stride")}}},
      {"rise", "rise", {{"masks", whole("masks")}, {"seed", whole("seed")}}},
      {"lime", "lime", {{"samples", whole("lime_samples")}, {"seed", whole("seed")}}},
      {"cam", "cam", {}},
      {"gradcam", "gradcam", {}},
      {"gradcam++", "gradcam++", {}},
      {"gradcam++_refcode", "gradcam++", {{"refcode", true}}},
      {"hirescam", "hirescam", {}},
      {"xgradcam", "xgradcam", {}},
      {"layercam", "layercam", {}},
      {"layercam_fusion", "layercam", {{"layers", text("fusion")}}},
      {"eigencam", "eigencam", {}},
      {"eigencam_centered", "eigencam", {{"centered", true}}},
      {"scorecam", "scorecam", {}},
      {"scorecam_paper", "scorecam", {{"form", std::string("paper")}}},
      {"ablationcam", "ablationcam", {}},
      {"guided_gradcam", "guided_gradcam", {}},
      {"excitation", "excitation", {{"layer", text("middle")}}},
      {"excitation_contrastive", "excitation", {{"layer", text("middle")}, {"contrastive", true}}}};
}

class Comparison {
 public:
  Comparison(const char* architecture, const std::vector<std::string>& files, const char* bundle)
      : architecture_(architecture),
        data_(tests::shared_data()),
        zoo_(weights::build_zoo(architecture)),
        imported_(import(files)),
        bundle_(weights::Hdf5File::open(source_dir() + "/tests/golden/" + bundle)) {}

  /// The first picture by every method. The others leave out those that take hundreds of passes a
  /// picture, unless CUTAWAY_LONG_TESTS is set: they add minutes, and have never disagreed alone.
  void run() {
    std::vector<Asked> all, quick;
    for (Asked& a : asked_of(bundle_)) {
      if (!bundle_.contains("/image0/" + a.dataset)) continue;
      if (!takes_many_passes(a.method)) quick.push_back(a);
      all.push_back(std::move(a));
    }
    REQUIRE(quick.size() >= 11);
    const std::int64_t images = bundle_.read_attribute_integer("/", "images");
    REQUIRE(images >= 2);
    check_images(0, 1, all);
    check_images(1, images, std::getenv("CUTAWAY_LONG_TESTS") != nullptr ? all : quick);
    CHECK(compared_ >= 11 * images);
    CHECK(zero_ <= images);  // the deconvolution from a logit, at most
  }

 private:
  static bool takes_many_passes(const std::string& method) {
    static constexpr std::array kMany{"smoothgrad", "vargrad",  "occlusion",  "rise",
                                      "lime",       "scorecam", "ablationcam"};
    return std::ranges::find(kMany, method) != kMany.end();
  }

  void check_images(std::int64_t first, std::int64_t last, const std::vector<Asked>& asked) {
    std::vector<explain::MethodPtr> methods;
    for (const Asked& a : asked) methods.push_back(explain::make_method(a.method, a.options));
    explain::Session::Options options;
    options.layer = bundle_.read_attribute_text("/", "layer", 256);
    explain::Session session(model(), std::move(methods), model().graph.node(0).shape,
                             make_stream(kCpuDevice), options);
    for (std::int64_t i = first; i < last; ++i) {
      const std::string group = "/image" + std::to_string(i);
      const std::int64_t target = bundle_.read_attribute_integer(group, "class");
      const Tensor x = picture(group);
      const auto number =
          static_cast<std::uint64_t>(bundle_.read_attribute_integer(group, "number"));
      const Tensor& logits = session.forward(x.clone(), {number});
      if (bundle_.contains(group + "/logits")) compare(group, "logits", logits, 0.999999);
      const auto maps = session.explain({target});
      // Maps of gradients have ReLU masks and switches that rounding flips here and there.
      for (std::size_t m = 0; m < maps.size(); ++m)
        compare(group, asked[m].dataset, maps[m].map, 0.999);
      // Beyond 5 % more steps are needed (Sundararajan et al. 2017, section 5: 20 to 300).
      const double missing = maps[0].measures.at(0).number("completeness_relative", 1.0);
      MESSAGE(architecture_ << " " << group << ": integrated gradients miss " << missing
                            << " of the score");
      if (missing >= 0.05) CHECK(missing_of_300_steps(x, target) < 0.05);
      if (bundle_.contains(group + "/deconvolution"))
        compare(group, "deconvolution", from_logit(x, target), 0.999);
    }
  }

  [[nodiscard]] double missing_of_300_steps(const Tensor& x, std::int64_t target) const {
    std::vector<explain::MethodPtr> methods;
    methods.push_back(explain::make_method("integrated_gradients", {{"steps", std::int64_t{300}}}));
    explain::Session session(model(), std::move(methods), model().graph.node(0).shape,
                             make_stream(kCpuDevice), {});
    (void)session.forward(x.clone());
    return session.explain({target})[0].measures.at(0).number("completeness_relative", 1.0);
  }

  [[nodiscard]] weights::Imported import(const std::vector<std::string>& files) {
    std::vector<std::string> paths;
    for (const std::string& file : files) paths.push_back(data_ + "/models/" + file);
    const weights::Source source = weights::open_source(paths);
    return weights::import_weights(source, zoo_.graph, source.bind(zoo_.graph, architecture_));
  }
  [[nodiscard]] const Model& model() const { return imported_.model; }

  [[nodiscard]] Tensor picture(const std::string& group) const {
    const std::string file = bundle_.read_attribute_text(group, "file", 256);
    return explain::preprocess(explain::read_image(data_ + "/images/imagenet_val/images/" + file),
                               tests::for_warped_pictures(zoo_.preprocess));
  }

  /// The deconvnet from the class score; Captum keeps the Jacobian of LRN.
  [[nodiscard]] Tensor from_logit(const Tensor& x, std::int64_t target) const {
    std::vector<explain::MethodPtr> one;
    one.push_back(explain::make_method("deconvnet", {{"channel", target},
                                                     {"row", std::int64_t{0}},
                                                     {"column", std::int64_t{0}},
                                                     {"lrn", std::string("gradient")}}));
    explain::Session::Options options;
    options.layer = model().graph.node(explain::logits_node(model().graph)).name;
    explain::Session session(model(), std::move(one), x.shape(), make_stream(kCpuDevice), options);
    (void)session.forward(x.clone());
    return std::move(session.explain({target}).at(0).map);
  }

  void compare(const std::string& group,
               const std::string& dataset,
               const Tensor& map,
               double least) {
    CAPTURE(group);
    CAPTURE(dataset);
    const std::string path = group + "/" + dataset;
    const std::int64_t step =
        bundle_.has_attribute(path, "step") ? bundle_.read_attribute_integer(path, "step") : 1;
    const std::vector<float> got = thinned(map, step), want = bundle_.read_f32(path, 10000000);
    // A signal may die out on its way (deconvnet from a logit): then it must do so in both.
    if (tests::is_zero(want)) {
      MESSAGE(architecture_ << " " << dataset << " " << group << ": zero, as the reference");
      CHECK(got.size() == want.size());
      CHECK(tests::is_zero(got));
      ++zero_;
      return;
    }
    const double cosine = tests::agreement(got, want).cosine;
    MESSAGE(architecture_ << " " << dataset << " " << group << ": cosine " << cosine);
    CHECK(cosine >= least);
    ++compared_;
  }

  std::string architecture_, data_;
  weights::ZooNet zoo_;
  weights::Imported imported_;
  weights::Hdf5File bundle_;
  int compared_{0}, zero_{0};
};

void check_net(const char* architecture,
               const std::vector<std::string>& files,
               const char* bundle) {
  if (tests::shared_data().empty()) return;
#if !defined(NDEBUG)
  tests::skip_case("a debug build: it takes thousands of passes");
  return;
#endif
  Comparison(architecture, files, bundle).run();
}

}  // namespace

TEST_CASE("GoogLeNet's maps agree with Captum, pytorch-grad-cam, torch-cam and others") {
  check_net("googlenet-caffe", {"bvlc_googlenet/weights.caffe.h5"}, "methods_googlenet.h5");
}

TEST_CASE("SqueezeNet's maps agree with Captum, pytorch-grad-cam, torch-cam and others") {
  check_net("squeezenet1.0-caffe", {"squeezenet_v1.0/weights.caffe.h5"}, "methods_squeezenet.h5");
}

TEST_CASE("ResNet-18's maps agree with Captum, pytorch-grad-cam, torch-cam and others") {
  check_net("resnet18", {"resnet18/model.safetensors"}, "methods_resnet18.h5");
}
