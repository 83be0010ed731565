// Results that mean nothing, and maps on which there is nothing to see, say so.

#include "explain/doubt.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "explain/session.h"
#include "explain/visualize/dream.h"
#include "explain/visualize/lucid.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/relu.h"
#include "tests/explain/small_net.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

using Floats = std::vector<float>;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

Model zero_net() {
  Model m = tests::small_net(3);
  m.parameters = Parameters::zeroed(m.graph);
  return m;
}

Explanation explain_one(const Model& m,
                        const std::string& method,
                        const Tensor& x,
                        const Attributes& options = {}) {
  std::vector<MethodPtr> one;
  one.push_back(make_method(method, options));
  Session s(m, std::move(one), x.shape(), CpuStream(1));
  (void)s.forward(x.clone());
  const std::vector<std::int64_t> targets(static_cast<std::size_t>(x.shape().n), 0);
  return std::move(s.explain(targets).at(0));
}

Attributes few(const std::string& method) {
  for (const OptionFact& fact : method_facts(method).options) {
    if (fact.name == "samples" || fact.name == "masks" || fact.name == "steps")
      return {{fact.name, std::int64_t{8}}};
  }
  return {};
}

}  // namespace

TEST_CASE("doubts of values and of maps") {
  CHECK_FALSE(doubt_of_values("scores", Floats{1, 2, 3}));
  const Doubt wrong = doubt_of_values("scores", Floats{1, kNaN, INFINITY});
  CHECK(wrong.kind == DoubtKind::kNotFinite);
  CHECK(wrong.text == "2 of 3 scores are not finite numbers");
  CHECK(wrong.meaningless());
  CHECK_FALSE(doubt_of_map(Floats{0, 1}));
  CHECK(doubt_of_map(Floats{0, 0}).kind == DoubtKind::kFlat);
  CHECK(doubt_of_map(Floats{0, 0}).text.find("0 everywhere") != std::string::npos);
  CHECK(doubt_of_map(Floats{2.5f, 2.5f}).text.find("2.5 everywhere") != std::string::npos);
  CHECK_FALSE(doubt_of_map(Floats{2.5f, 2.5f}).meaningless());
  CHECK(doubt_of_map(Floats{kNaN, kNaN}).kind == DoubtKind::kNotFinite);
}

TEST_CASE("a net of zeros: every method says that its map shows nothing") {
  const Model m = zero_net();
  const Tensor x = random_tensor({2, 3, 24, 24}, 5);
  for (const std::string& method : method_names()) {
    CAPTURE(method);
    const Explanation e = explain_one(m, method, x, few(method));
    REQUIRE(e.doubts.size() == 2);
    for (const Doubt& doubt : e.doubts) CHECK(bool(doubt));
  }
  CHECK(explain_one(m, "ablationcam", x).doubts[0].meaningless());  // 0 / 0
}

TEST_CASE("a sound net and picture leave nothing to doubt") {
  const Model m = tests::small_net(3);
  const Tensor x = random_tensor({1, 3, 24, 24}, 5);
  for (const std::string method : {"saliency", "guided", "lrp", "rise", "gradient_x_input"}) {
    CAPTURE(method);
    const Explanation e = explain_one(m, method, x, few(method));
    REQUIRE(e.doubts.size() == 1);
    CHECK_FALSE(bool(e.doubts[0]));
  }
}

TEST_CASE("scores that overflow: only the picture concerned is doubted, whatever the map") {
  Model m = tests::small_net(3);
  for (float& w : m.parameters.of(m.graph.find("fc"))[0].f32()) w *= 1e30f;
  m.parameters.touch();
  Tensor x = random_tensor({2, 3, 24, 24}, 5);
  for (std::size_t i = 0; i < x.f32().size() / 2; ++i) x.f32()[i] *= 1e20f;
  for (const std::string method : {"saliency", "gradcam", "eigencam"}) {
    CAPTURE(method);
    const Explanation e = explain_one(m, method, x);
    CHECK(e.doubts[0].meaningless());
    CHECK(e.doubts[0].text.find("class scores") != std::string::npos);
    CHECK_FALSE(e.doubts[1].meaningless());
  }
}

namespace {

/// A class score that is a ReLU of what is far below 0 at the mean picture, as in SqueezeNet.
Model dead_at_the_mean(float depth) {
  Graph g({1, 3, 16, 16});
  g.add("conv", std::make_shared<Conv>(2, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 4);
  for (float& b : m.parameters.of(m.graph.find("conv"))[1].f32()) b = -depth;
  return m;
}

}  // namespace

TEST_CASE("an ascent that begins where the ReLU is dead climbs, and says how") {
  const Model m = dead_at_the_mean(20.0f);
  LayerScore score(m, m.graph.find("gap"), {1, 3, 16, 16}, CpuStream(1));
  const auto objective = channel_objective(0);
  SimonyanOptions o;
  o.steps = 60;
  const Ascended up = ascend_simonyan(score, *objective, tests::caffe_pixels(), o);
  CHECK(up.values.front() == 0.0);
  CHECK(up.values.back() > 1.0);
  REQUIRE(up.doubts.size() == 1);
  CHECK_FALSE(bool(up.doubts[0]));
  bool told = false;
  for (const std::string& note : up.notes)
    told = told || note.find("silent ReLUs") != std::string::npos;
  CHECK(told);
}

TEST_CASE("an ascent that nothing moves says that it is stuck, in every mode") {
  const Model m = zero_net();
  const auto objective = channel_objective(1);
  const PixelSpace pixels = tests::caffe_pixels();
  const auto check_stuck = [](const Ascended& a) {
    REQUIRE(a.doubts.size() == 1);
    CHECK(a.doubts[0].kind == DoubtKind::kStuck);
    CHECK(a.doubts[0].meaningless());
  };
  LayerScore score(m, m.graph.find("fc"), {1, 3, 24, 24}, CpuStream(1));
  SimonyanOptions simonyan;
  simonyan.steps = 3;
  check_stuck(ascend_simonyan(score, *objective, pixels, simonyan));
  YosinskiOptions yosinski;
  yosinski.steps = 3;
  check_stuck(ascend_yosinski(score, *objective, pixels, yosinski));
  PenaltyOptions penalized;
  penalized.steps = 3;
  check_stuck(ascend_penalized(score, *objective, pixels, penalized));
  LucidOptions lucid;
  lucid.steps = 3;
  check_stuck(ascend_lucid(score, *objective, pixels, {1, 3, 24, 24}, lucid));
  DreamOptions dreaming;
  dreaming.octaves = 2;
  dreaming.steps = 2;
  check_stuck(dream(m, m.graph.find("conv2"), random_tensor({1, 3, 24, 24}, 3), *objective, pixels,
                    dreaming, CpuStream(1)));
}

TEST_CASE("an ascent reports its steps and can be cancelled") {
  class Recorder final : public Observer {
   public:
    explicit Recorder(double most) : most_(most) {}
    void progress(std::string_view task, double done, double total) override {
      if (task != "ascent") return;
      steps = done;
      all = total;
    }
    [[nodiscard]] bool cancelled() const noexcept override { return steps >= most_; }
    double steps{0}, all{0};

   private:
    double most_;
  };
  const Model m = tests::small_net(3);
  const auto objective = channel_objective(1);
  SimonyanOptions o;
  o.steps = 12;
  for (const bool cancel : {false, true}) {
    Recorder heard(cancel ? 5 : 100);
    LayerScore score(m, m.graph.find("fc"), {1, 3, 24, 24}, CpuStream(1));
    score.set_observer(heard);
    const auto climb = [&] { (void)ascend_simonyan(score, *objective, tests::caffe_pixels(), o); };
    if (cancel) {
      CHECK_THROWS_AS(climb(), Cancelled);
      CHECK(heard.steps == 5);
    } else {
      climb();
      CHECK(heard.steps == 12);
    }
    CHECK(heard.all == 12);
  }
  Recorder dreaming(3);
  DreamOptions d;
  d.octaves = 2;
  d.steps = 4;
  CHECK_THROWS_AS((void)dream(m, m.graph.find("conv2"), random_tensor({1, 3, 24, 24}, 3),
                              *objective, tests::caffe_pixels(), d, CpuStream(1), {}, {}, dreaming),
                  Cancelled);
  CHECK(dreaming.all == 8);
}
