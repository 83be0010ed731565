#include "layers/activation.h"

#include <doctest/doctest.h>

#include "layers/prelu.h"
#include "tests/layers/layer_cases.h"

using namespace cutaway;
using namespace cutaway::tests;
using kernels::Activation;

namespace {

/// One layer over given numbers, one a channel.
std::vector<float> applied(const LayerPtr& layer,
                           const std::vector<float>& x,
                           const std::vector<float>& slopes = {}) {
  const Shape s{1, static_cast<std::int64_t>(x.size()), 1, 1};
  Graph g(s);
  g.add("layer", layer);
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  if (!slopes.empty()) std::ranges::copy(slopes, m.parameters.of(1)[0].f32().begin());
  Executor e(m, PlanRequest{}, CpuStream(1));
  e.set_input(tensor_of(s, x));
  e.forward();
  const Tensor y = e.read(e.output());
  return {y.f32().begin(), y.f32().end()};
}

}  // namespace

TEST_CASE("layers: every activation function") {
  for (const std::string& name : activation_names()) {
    CAPTURE(name);
    Attributes a{{"function", name}};
    // Inputs stay within 1.5: kinks have to stand there too, and not on multiples of 0.05.
    if (name == "hard_sigmoid") a.set("alpha", 0.9);
    if (name == "elu") {
      a.set("alpha", 1.3);
      a.set("beta", 0.8);
    }
    if (name == "silu" || name == "softplus") a.set("alpha", 1.7);
    const LayerPtr layer = make_layer("activation", a);
    for (const std::int64_t channels : {1, 5, 16, 17, 33})
      expect_good({layer, {{1, channels, 3, 4}}});
  }
}

TEST_CASE("layers: activations by hand") {
  const auto close = [](Activation f, const std::vector<float>& x,
                        const std::vector<double>& want) {
    const std::vector<float> y = applied(std::make_shared<ActivationLayer>(f), x);
    for (std::size_t i = 0; i < want.size(); ++i) {
      CAPTURE(x[i]);
      CHECK(std::fabs(static_cast<double>(y[i]) - want[i]) <= 5e-7);
    }
  };
  // e = 2.718281828: sigmoid(1) = e / (1 + e), and so on.
  close(Activation::kSigmoid, {0, 1, -1}, {0.5, 0.731058579, 0.268941421});
  close(Activation::kHardSigmoid, {0, 1, 2.5F, -3}, {0.5, 0.7, 1.0, 0.0});
  close(Activation::kTanh, {0, 1, -2}, {0.0, 0.761594156, -0.964027580});
  close(Activation::kSoftsign, {0, 1, -3}, {0.0, 0.5, -0.75});
  close(Activation::kSilu, {0, 1, -1}, {0.0, 0.731058579, -0.268941421});
  close(Activation::kHardSwish, {0, 1, -1, 3, -4}, {0.0, 4.0 / 6, -2.0 / 6, 3.0, 0.0});
  close(Activation::kElu, {2, -1}, {2.0, -0.632120559});
  close(Activation::kGelu, {0, 1, -1}, {0.0, 0.841344746, -0.158655254});
  close(Activation::kGeluTanh, {0, 1, -1}, {0.0, 0.841191990, -0.158808010});
  close(Activation::kMish, {0, 1, -1}, {0.0, 0.865098388, -0.303401461});
  close(Activation::kSoftplus, {0, 1}, {0.693147181, 1.313261688});
}

TEST_CASE(
    "layers: activations refuse unknown functions and impossible numbers, and say what there is") {
  const auto message_of = [](const Attributes& a) -> std::string {
    try {
      (void)make_layer("activation", a);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kInput);
      return error.what();
    }
    return "accepted";
  };
  CHECK(message_of({{"function", std::string("sigmoyd")}}).find("'sigmoid'") != std::string::npos);
  CHECK(message_of({}) != "accepted");
  CHECK(message_of({{"function", std::string("elu")}, {"alpha", 0.0}}) != "accepted");
  CHECK(message_of({{"function", std::string("elu")}, {"beta", -1.0}}) != "accepted");
  CHECK(message_of({{"function", std::string("softplus")}, {"alpha", std::nan("")}}) != "accepted");
  CHECK(message_of({{"function", std::string("hard_sigmoid")}, {"beta", HUGE_VAL}}) != "accepted");
  // A number that the function does not have.
  CHECK(message_of({{"function", std::string("tanh")}, {"alpha", 1.0}}) != "accepted");
  CHECK(message_of({{"function", std::string("hard_sigmoid")}, {"beta", -0.5}}) == "accepted");
  const Shape s{1, 3, 2, 2};
  CHECK(refusal_of(ActivationLayer(Activation::kTanh), {s, s}) == ErrorKind::kShape);
  CHECK(refusal_of(PReluLayer(), {}) == ErrorKind::kShape);
}

TEST_CASE("layers: prelu") {
  expect_good_at_all_channels(
      [](auto) {
        return LayerCase{std::make_shared<PReluLayer>(), {}};
      },
      3, 4);
  CHECK(applied(std::make_shared<PReluLayer>(), {2, -2, -4}, {0.5F, 0.5F, -0.25F}) ==
        std::vector<float>{2, -1, 1});
}
