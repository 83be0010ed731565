// Ascents step by step against PyTorch's (tests/golden/make_ascent_bundle.py).

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "explain/visualize/ascent.h"
#include "explain/visualize/dream.h"
#include "explain/visualize/lucid.h"
#include "tests/explain/small_net.h"
#include "tests/support/source_dir.h"
#include "weights/hdf5_file.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::caffe_pixels;
using cutaway::tests::small_net;

namespace {

constexpr std::int64_t kSteps = 24;
constexpr std::uint64_t kSeed = 7;
constexpr std::size_t kMost = 100000;

class Golden {
 public:
  Golden() : file_(weights::Hdf5File::open(source_dir() + "/tests/golden/ascents.h5")) {}

  Model net() const {
    Model m = small_net(1);
    for (const char* layer : {"conv1", "conv2", "fc"}) {
      const std::span<Tensor> tensors = m.parameters.of(m.graph.find(layer));
      for (std::size_t i = 0; i < 2; ++i) {
        const auto path = std::string("/parameters/") + layer + (i == 0 ? "/weight" : "/bias");
        std::ranges::copy(read(path), tensors[i].f32().begin());
      }
    }
    return m;
  }

  std::vector<float> read(const std::string& path) const { return file_.read_f32(path, kMost); }

  /// The same value before every step, and the same picture at the end (measured: to 6e-7).
  void compare(const std::string& run, const Ascended& got) const {
    INFO(run);
    const std::vector<float> values = read("/" + run + "/values"),
                             picture = read("/" + run + "/picture");
    REQUIRE(got.values.size() == values.size());
    const double most = double{*std::ranges::max_element(values)};
    for (std::size_t i = 0; i < values.size(); ++i) {
      INFO("step ", i, ": ", got.values[i], ", PyTorch ", values[i]);
      CHECK(std::abs(got.values[i] - double{values[i]}) <= 1e-5 * most);
    }
    REQUIRE(got.picture.f32().size() == picture.size());
    double difference = 0, square = 0;
    for (std::size_t i = 0; i < picture.size(); ++i) {
      difference += std::pow(double{got.picture.f32()[i]} - double{picture[i]}, 2);
      square += std::pow(double{picture[i]}, 2);
    }
    CHECK(std::sqrt(difference / square) <= 1e-5);
  }

 private:
  weights::Hdf5File file_;
};

}  // namespace

TEST_CASE("ascents follow PyTorch's step by step") {
  const Golden golden;
  const Model m = golden.net();
  LayerScore score(m, m.graph.find("fc"), {1, 3, 24, 24}, CpuStream(1));
  const auto objective = neuron_objective(2);

  SimonyanOptions s;
  s.steps = kSteps;
  golden.compare("simonyan", ascend_simonyan(score, *objective, caffe_pixels(), s));
  s.normalize = false;
  s.rate = 4000;
  s.lambda = 1e-5;
  golden.compare("simonyan_plain", ascend_simonyan(score, *objective, caffe_pixels(), s));

  YosinskiOptions y;
  y.steps = kSteps;
  y.normalize = true;
  y.rate = 3;
  y.decay = 0.01;
  y.pixel_percentile = 10;
  y.contribution_percentile = 5;
  y.seed = kSeed;
  golden.compare("yosinski", ascend_yosinski(score, *objective, caffe_pixels(), y));

  PenaltyOptions p;
  p.steps = kSteps;
  p.objective_weight = 20;
  p.jitter = 3;
  p.seed = kSeed;
  golden.compare("penalized", ascend_penalized(score, *objective, caffe_pixels(), p));

  LucidOptions l;
  l.steps = kSteps;
  l.seed = kSeed;
  l.rescue_steps = 0;
  l.robust.enabled = false;
  golden.compare("lucid", ascend_lucid(score, *objective, caffe_pixels(), {1, 3, 24, 24}, l));
  // Total variation turns at every equal pair of pixels, and Adam makes whole steps of that: in
  // Fourier space the first one that rounding decides otherwise changes the picture by percents.
  l.variation_weight = 0.3;
  l.fourier = false;
  golden.compare("lucid_pixels",
                 ascend_lucid(score, *objective, caffe_pixels(), {1, 3, 24, 24}, l));
  l.variation_weight = 0;
  l.fourier = l.robust.enabled = true;
  golden.compare("lucid_robust",
                 ascend_lucid(score, *objective, caffe_pixels(), {1, 3, 31, 31}, l));

  DreamOptions d;
  d.octaves = 3;
  d.steps = 6;
  d.jitter = 4;
  d.seed = kSeed;
  Tensor start = zeros({1, 3, 34, 30});
  std::ranges::copy(golden.read("/dream/start"), start.f32().begin());
  golden.compare("dream", dream(m, m.graph.find("relu2"), start, *dream_objective(), caffe_pixels(),
                                d, CpuStream(1)));
}
