// Feature visualisation: the parts against numbers worked out by hand, adjoints, gradients, whole
// ascents.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/visualize/ascent.h"
#include "explain/visualize/dream.h"
#include "explain/visualize/fourier_image.h"
#include "explain/visualize/image_ops.h"
#include "explain/visualize/lucid.h"
#include "explain/visualize/penalty.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "runtime/error.h"
#include "tests/explain/small_net.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::caffe_pixels;
using cutaway::tests::random_tensor;
using cutaway::tests::small_net;

namespace {

using Floats = std::vector<float>;

double dot(const Tensor& a, const Tensor& b) {
  REQUIRE(a.f32().size() == b.f32().size());
  double sum = 0.0;
  for (std::size_t i = 0; i < a.f32().size(); ++i) sum += double{a.f32()[i]} * double{b.f32()[i]};
  return sum;
}

void expect_close(double got, double want, double tolerance) {
  CHECK(std::abs(got - want) <= tolerance * (1.0 + std::abs(want)));
}

/// S = w x + b on a 1 x 2 x 1 x 1 picture.
Model linear_net() {
  Graph g({1, 2, 1, 1});
  g.add("score", std::make_shared<Dense>(1));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  m.parameters.of(1)[0].f32()[0] = 3.0f;
  m.parameters.of(1)[0].f32()[1] = -2.0f;
  m.parameters.of(1)[1].f32()[0] = 0.7f;
  return m;
}

PixelSpace unit_pixels() { return {{0, 0, 0}, {1, 1, 1}, false}; }

/// Central differences of `value` in random directions against its gradient.
template <class F>
void check_gradient(
    const Tensor& x, const Tensor& gradient, const F& value, double step, double tolerance) {
  for (unsigned k = 0; k < 4; ++k) {
    const Tensor d = random_tensor(x.shape(), 900 + k);
    Tensor up = x.clone(), down = x.clone();
    for (std::size_t i = 0; i < x.f32().size(); ++i) {
      up.f32()[i] += static_cast<float>(step) * d.f32()[i];
      down.f32()[i] -= static_cast<float>(step) * d.f32()[i];
    }
    const double slope = (value(up) - value(down)) / (2.0 * step);
    // Rounding of the values does not shrink where the directions nearly cancel.
    const double scale = std::abs(slope) + 0.1 * std::sqrt(dot(gradient, gradient));
    CHECK(std::abs(slope - dot(gradient, d)) <= tolerance * scale);
  }
}

}  // namespace

TEST_CASE("the class model of a linear score follows (w / 2 lambda)(1 - .9^t)") {
  const Model m = linear_net();
  LayerScore score(m, 1, {1, 2, 1, 1}, CpuStream(1));
  SimonyanOptions o;
  o.normalize = false;
  o.rate = 0.1;
  o.lambda = 0.5;
  const PixelSpace pixels{{0, 0}, {1, 1}, false};
  for (const std::int64_t steps : {10, 300}) {
    o.steps = steps;
    const Ascended a = ascend_simonyan(score, *neuron_objective(0), pixels, o);
    const double share = steps == 10 ? 0.6513215599 : 1.0;  // the limit is w / (2 lambda)
    expect_close(double{a.picture.f32()[0]}, 3.0 * share, 1e-5);
    expect_close(double{a.picture.f32()[1]}, -2.0 * share, 1e-5);
    CHECK(a.values.size() == static_cast<std::size_t>(steps) + 1);
    expect_close(a.values[0], 0.7, 1e-6);  // the mean picture
    CHECK(a.notes.empty());
  }
}

TEST_CASE("a mean picture without gradient gets noise once, and says so") {
  Model m = small_net(3);
  for (Tensor& t : m.parameters.of(m.graph.find("conv1"))) {
    if (t.shape().h == 1) std::ranges::fill(t.f32(), -1e-5f);
  }
  LayerScore score(m, m.graph.find("fc"), {1, 3, 24, 24}, CpuStream(1));
  SimonyanOptions o;
  o.steps = 3;
  const Ascended a = ascend_simonyan(score, *neuron_objective(1), caffe_pixels(), o);
  REQUIRE(a.notes.size() == 1);
  CHECK(mean_magnitude(a.picture) > 0.0);
}

TEST_CASE(
    "Yosinski's ascent: a step promises the objective so much, and is never longer than the "
    "rate's") {
  const Model m = linear_net();  // the gradient is (3, -2), its square 13
  LayerScore score(m, 1, {1, 2, 1, 1}, CpuStream(1));
  YosinskiOptions o;
  o.steps = 5;
  o.start_deviation = o.decay = o.blur_sigma = 0.0;
  o.gain = 0.5;
  const PixelSpace wide{{-1e6f, -1e6f}, {1e6f, 1e6f}, false};
  const Ascended a = ascend_yosinski(score, *neuron_objective(0), wide, o);
  for (std::size_t k = 0; k < 6; ++k)
    expect_close(a.values[k], 0.7 + 0.5 * static_cast<double>(k), 1e-5);
  // The unit of these pixels is 2e6 / 255 a grey level; a rate of 1e-9 in its square allows 0.0615
  // g, which gains 0.8.
  o.gain = 100.0;
  o.rate = 1e-9;
  const Ascended capped = ascend_yosinski(score, *neuron_objective(0), wide, o);
  const double unit = 2e6 / 255.0;
  expect_close(capped.values[1] - capped.values[0], 13.0 * 1e-9 * unit * unit, 1e-4);
}

TEST_CASE("total variation by hand, and its gradient") {
  const Tensor x = tensor_of({1, 1, 2, 2}, Floats{0, 1, 2, 4});
  expect_close(anisotropic_variation(x), 8.0, 1e-12);
  expect_close(total_variation(x, 2.0), 18.0, 1e-12);
  expect_close(total_variation(x, 1.0), std::sqrt(5.0) + 5.0, 1e-12);
  expect_close(power_penalty(x, 6.0), 1 + 64 + 4096, 1e-12);
  const Tensor y = random_tensor({2, 3, 5, 4}, 8);
  for (const double beta : {1.0, 2.0}) {
    Tensor g = zeros(y.shape());
    (void)total_variation(y, beta, 1.0f, &g);
    check_gradient(
        y, g, [&](const Tensor& t) { return total_variation(t, beta); }, 1e-3, 2e-3);
  }
  Tensor g = zeros(y.shape());
  (void)power_penalty(y, 6.0, 1.0f, &g);
  check_gradient(
      y, g, [&](const Tensor& t) { return power_penalty(t, 6.0); }, 1e-3, 2e-3);
  Tensor flat = zeros(y.shape());
  (void)anisotropic_variation(y, 1.0f, &flat);
  check_gradient(
      y, flat, [&](const Tensor& t) { return anisotropic_variation(t); }, 1e-4, 2e-2);
}

TEST_CASE("a Fourier image of its mean alone is constant") {
  const auto constant = [](std::int64_t h, std::int64_t w, double want) {
    FourierImage image({1, 1, h, w}, false, false);
    Tensor c = zeros(image.coefficients());
    c.f32()[0] = 1.0f;
    const Tensor t = image.plain(c);
    for (const float v : t.f32()) expect_close(double{v}, want, 1e-6);
  };
  constant(32, 32, 0.25);
  constant(48, 64, 0.2886751);
  // Initial pictures of 128 x 128 have a standard deviation of about 0.018.
  FourierImage image({1, 3, 128, 128}, false, false);
  Tensor c = random_tensor(image.coefficients(), 4);
  for (float& v : c.f32()) v *= 0.01f;
  const Tensor t = image.plain(c);
  CHECK(std::sqrt(dot(t, t) / 49152.0) == doctest::Approx(0.018).epsilon(0.15));
}

TEST_CASE("colours vary as in photographs; nothing is grey") {
  const double want[3][3] = {
      {.56283, .19483, .04329}, {.58448, 0, -.10824}, {.58448, -.19483, .06494}};
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 3; ++c) CHECK(std::abs(color_correlation(r, c) - want[r][c]) <= 6e-6);
  }
  for (const bool bgr : {false, true}) {
    FourierImage image({1, 3, 8, 8}, true, bgr);
    Tensor c = zeros(image.coefficients());
    const Tensor grey = image.image(c);
    for (const float v : grey.f32()) CHECK(v == 0.5f);
    c.f32()[0] = 4.0f;  // t = (1, 0, 0)
    const Tensor x = image.image(c);
    const double red = 1.0 / (1.0 + std::exp(-.562829)), other = 1.0 / (1.0 + std::exp(-.584476));
    expect_close(double{x.f32()[0]}, bgr ? other : red, 1e-6);
    expect_close(double{x.f32()[64]}, other, 1e-6);
    expect_close(double{x.f32()[128]}, bgr ? red : other, 1e-6);
  }
}

TEST_CASE("gradients flow through the Fourier image") {
  for (const auto& [h, w] : {std::pair<std::int64_t, std::int64_t>{8, 8}, {7, 10}, {6, 9}}) {
    FourierImage image({2, 3, h, w}, true, true);
    Tensor c = random_tensor(image.coefficients(), 4);
    for (float& v : c.f32()) v *= 0.2f;
    const Tensor r = random_tensor({2, 3, h, w}, 5);
    (void)image.image(c);
    const Tensor g = image.adjoint(r);
    check_gradient(
        c, g, [&](const Tensor& t) { return dot(image.image(t), r); }, 1e-2, 2e-2);
  }
}

TEST_CASE("a dream step moves the picture by the rate on average; rolls undo each other") {
  const Model m = small_net(2);
  LayerScore score(m, m.graph.find("relu2"), {1, 3, 24, 24}, CpuStream(1));
  const Tensor before = random_tensor({1, 3, 24, 24}, 6);
  Tensor x = before.clone();
  (void)dream_step(score, *dream_objective(), x, 1.5, 5, -7);
  for (std::size_t i = 0; i < x.f32().size(); ++i) x.f32()[i] -= before.f32()[i];
  expect_close(mean_magnitude(x), 1.5, 1e-4);
  CHECK(std::ranges::equal(roll(roll(before, 5, -30), -5, 30).f32(), before.f32()));
}

TEST_CASE("the channel objective of a 1x1 convolution has a constant gradient") {
  Graph g({1, 3, 6, 5});
  g.add("conv", std::make_shared<Conv>(2, kernels::ConvGeometry{}, false));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 3);
  LayerScore score(m, 1, {1, 3, 6, 5}, CpuStream(1));
  Tensor dx;
  (void)score.ascend(random_tensor({1, 3, 6, 5}, 2), *channel_objective(1), dx);
  for (std::size_t i = 0; i < 90; ++i) {
    expect_close(double{dx.f32()[i]}, double{m.parameters.of(1)[0].f32()[3 + i / 30]} / 30.0, 1e-5);
  }
}

TEST_CASE("a net whose units are all silent is climbed as if they spoke, and the ascent says so") {
  Graph g({1, 3, 16, 16});
  g.add("conv", std::make_shared<Conv>(4, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu", std::make_shared<Relu>());
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 3);
  for (float& v : m.parameters.of(1)[0].f32()) v *= 1e-6f;  // z = -1 whatever the picture
  std::ranges::fill(m.parameters.of(1)[1].f32(), -1.0f);
  LayerScore score(m, 2, {1, 3, 16, 16}, CpuStream(1));
  Tensor dx;
  (void)score.ascend(random_tensor({1, 3, 16, 16}, 1), *channel_objective(0), dx, true);
  CHECK(mean_magnitude(dx) > 0.0);
  (void)score.ascend(random_tensor({1, 3, 16, 16}, 1), *channel_objective(0), dx, false);
  CHECK(mean_magnitude(dx) == 0.0);
  // An ascent goes where the silent units would speak as long as its gradient is zero, also after
  // the steps that are rescued in any case, and says so.
  LucidOptions o;
  o.robust.enabled = false;
  const auto after = [&](std::int64_t steps, std::int64_t rescue) {
    o.steps = steps;
    o.rescue_steps = rescue;
    return ascend_lucid(score, *channel_objective(0), unit_pixels(), {1, 3, 16, 16}, o);
  };
  const Ascended start = after(0, 16), rescued = after(20, 20), silent = after(20, 16);
  CHECK_FALSE(std::ranges::equal(start.picture.f32(), rescued.picture.f32()));
  CHECK(std::ranges::equal(silent.picture.f32(), rescued.picture.f32()));
  CHECK(rescued.notes.empty());
  REQUIRE(silent.notes.size() == 1);
  CHECK(silent.notes[0].starts_with("the gradient was 0 before 4 of 20 steps"));
  CHECK(silent.doubts.at(0).kind == DoubtKind::kStuck);
}

TEST_CASE("rescue: layers that carry a signal are left alone") {
  const Model m = small_net(4);
  LayerScore score(m, m.graph.find("relu2"), {2, 3, 24, 24}, CpuStream(1));
  const Tensor x = random_tensor({2, 3, 24, 24}, 7);
  Tensor plain, rescued;
  (void)score.ascend(x, *channel_objective(3), plain, false);
  (void)score.ascend(x, *channel_objective(3), rescued, true);
  CHECK(mean_magnitude(plain) > 0.0);
  CHECK(std::ranges::equal(plain.f32(), rescued.f32()));
}

TEST_CASE("sizes of the transformation chain, and adjoints of all its parts") {
  RobustOptions o;
  o.scales = {1.0};
  o.angles = {0.0};
  const RobustTransform same(o, 40, 36, 1, 1);
  const Shape size = same.forward(zeros({1, 3, 40, 36})).shape();
  CHECK(size.h == 40 + 24 - 8 - 4);
  CHECK(size.w == 36 + 24 - 8 - 4);
  const Shape s{2, 3, 20, 17};
  const Tensor x = random_tensor(s, 1);
  const auto adjoint = [&](const Tensor& y, const Tensor& zero, const auto& back) {
    // <A x, r> = <x, A' r>, A without its offset.
    const Tensor r = random_tensor(y.shape(), 2);
    const Tensor dx = back(r);
    expect_close(dot(y, r) - dot(zero, r), dot(x, dx), 1e-4);
  };
  const Tensor none = zeros(s);
  for (std::uint64_t step = 0; step < 12; ++step) {
    const RobustTransform t(RobustOptions(), 20, 17, 9, step);
    adjoint(t.forward(x), t.forward(none), [&](const Tensor& r) { return t.adjoint(r); });
  }
  adjoint(crop(x, -2, 3, 9, 30), crop(none, -2, 3, 9, 30),
          [&](const Tensor& r) { return crop_adjoint(r, -2, 3, 20, 17); });
  adjoint(rotate(x, 7.0), rotate(none, 7.0),
          [&](const Tensor& r) { return rotate_adjoint(r, 7.0); });
  adjoint(resize(x, 13, 25), resize(none, 13, 25),
          [&](const Tensor& r) { return resize_adjoint(r, 20, 17); });
  adjoint(roll(x, 3, -4), roll(none, 3, -4), [&](const Tensor& r) { return roll(r, -3, 4); });
  // Drawings differ from step to step, and are the same for the same seed and step.
  const RobustTransform a(RobustOptions(), 20, 17, 9, 1), b(RobustOptions(), 20, 17, 9, 1),
      c(RobustOptions(), 20, 17, 9, 2);
  CHECK(std::ranges::equal(a.forward(x).f32(), b.forward(x).f32()));
  CHECK_FALSE(std::ranges::equal(a.forward(x).f32(), c.forward(x).f32()));
}

TEST_CASE("objectives: gradients") {
  Tensor a = random_tensor({3, 5, 4, 3}, 11);
  std::vector<std::pair<const char*, ObjectivePtr>> all;
  all.emplace_back("channel", channel_objective(2));
  all.emplace_back("neuron", neuron_objective(4));
  all.emplace_back("neuron", neuron_objective(4, 3, 0));
  all.emplace_back("direction", direction_objective({1, -2, 0.5f, 0, 1}));
  all.emplace_back("direction, cosine", direction_objective({1, -2, 0.5f, 0, 1}, 2.0));
  all.emplace_back("dream", dream_objective());
  all.emplace_back("match", match_objective(random_tensor({1, 5, 4, 3}, 12)));
  all.emplace_back("diversity", diversity_objective());
  all.emplace_back("sum",
                   sum_objective({{channel_objective(1), 2.0f}, {diversity_objective(), -3.0f}}));
  for (const auto& [name, objective] : all) {
    CAPTURE(name);
    Tensor seed = zeros(a.shape());
    (void)objective->add(a, 1.0f, seed);
    const auto value = [&](const Tensor& t) {
      Tensor unused = zeros(t.shape());
      return objective->add(t, 1.0f, unused);
    };
    check_gradient(a, seed, value, 1e-3, 3e-2);
    Tensor twice = zeros(a.shape());
    (void)objective->add(a, 2.0f, twice);
    for (std::size_t i = 0; i < seed.f32().size(); ++i) {
      expect_close(double{twice.f32()[i]}, 2.0 * double{seed.f32()[i]}, 1e-5);
    }
  }
  Tensor seed = zeros(a.shape());
  CHECK_THROWS_AS((void)channel_objective(5)->add(a, 1, seed), Error);
  CHECK_THROWS_AS((void)direction_objective({1, 2})->add(a, 1, seed), Error);
  CHECK_THROWS_AS((void)match_objective(zeros({1, 5, 4, 3})), Error);
}

TEST_CASE("objectives: identical images are not diverse, a guide pulls towards its best feature") {
  Tensor a = random_tensor({2, 3, 2, 2}, 5), seed = zeros({2, 3, 2, 2});
  std::copy_n(a.f32().begin(), 12, a.f32().begin() + 12);
  expect_close(diversity_objective()->add(a, 1, seed), -1.0, 1e-5);
  const Tensor guide = tensor_of({1, 2, 1, 2}, Floats{1, 0, 0, 5});  // features (1, 0) and (0, 5)
  const Tensor here = tensor_of({1, 2, 1, 2}, Floats{7, 1, 1, 1});   // (7, 1) and (1, 1)
  Tensor d = zeros(here.shape());
  expect_close(guided_dream_objective(guide.clone())->add(here, 1, d), 7.0 + 5.0, 1e-6);
  CHECK(std::ranges::equal(d.f32(), Floats{1, 0, 0, 5}));
}

TEST_CASE("percentile: type 7") {
  Floats v;
  for (int i = 99; i >= 0; --i) v.push_back(static_cast<float>(i));
  expect_close(percentile(v, 95), 94.05, 1e-6);
  expect_close(percentile(v, 30), 29.7, 1e-6);
  expect_close(percentile(v, 100), 99, 1e-6);
}

TEST_CASE("ascents climb, repeat bit for bit, and do not change the net") {
  const Model m = small_net(8);
  const Parameters before = m.parameters.clone();
  const NodeId fc = m.graph.find("fc");
  LayerScore score(m, fc, {1, 3, 24, 24}, CpuStream(2));
  const auto objective = neuron_objective(2);
  const auto check_run = [&](const auto& run) {
    const Ascended a = run(), b = run();
    CHECK(a.values.back() > a.values.front());
    CHECK(std::ranges::equal(a.picture.f32(), b.picture.f32()));
    for (const float v : a.picture.f32()) CHECK(std::isfinite(v));
  };
  SimonyanOptions s;
  s.steps = 20;
  check_run([&] { return ascend_simonyan(score, *objective, caffe_pixels(), s); });
  YosinskiOptions y;
  y.steps = 20;
  y.normalize = true;
  y.rate = 5;
  y.pixel_percentile = 10;
  y.contribution_percentile = 10;
  check_run([&] { return ascend_yosinski(score, *objective, caffe_pixels(), y); });
  PenaltyOptions p;
  p.steps = 20;
  p.variation_weight = 1e-4;
  p.power_weight = 1e-4;
  p.jitter = 2;
  check_run([&] { return ascend_penalized(score, *objective, caffe_pixels(), p); });
  LucidOptions l;
  l.steps = 20;
  check_run([&] { return ascend_lucid(score, *objective, caffe_pixels(), {1, 3, 24, 24}, l); });
  l.fourier = false;
  check_run([&] { return ascend_lucid(score, *objective, caffe_pixels(), {1, 3, 24, 24}, l); });
  DreamOptions d;
  d.octaves = 2;
  d.steps = 4;
  const Tensor start = random_tensor({1, 3, 30, 26}, 4);
  check_run([&] {
    return dream(m, m.graph.find("relu2"), start, *dream_objective(), caffe_pixels(), d,
                 CpuStream(1));
  });
  for (NodeId id = 0; id < m.graph.size(); ++id) {
    for (std::size_t i = 0; i < before.of(id).size(); ++i) {
      CHECK(std::ranges::equal(before.of(id)[i].f32(), m.parameters.of(id)[i].f32()));
    }
  }
}

TEST_CASE("inversion: the features of a picture are found again") {
  const Model m = small_net(5);
  const NodeId layer = m.graph.find("relu1");
  LayerScore score(m, layer, {1, 3, 24, 24}, CpuStream(1));
  Tensor photo = blur(random_tensor({1, 3, 24, 24}, 3), 2.0);
  for (float& v : photo.f32()) v *= 200.0f;
  PenaltyOptions o;
  o.steps = 300;
  o.rate = 20;
  o.objective_weight = 100;
  o.variation_weight = 0.01;
  o.power_weight = 0.01;
  const Ascended a =
      ascend_penalized(score, *match_objective(score.activations(photo)), caffe_pixels(), o);
  CHECK(a.values.back() > -0.1);
  CHECK(a.values.front() < -0.5);
}

TEST_CASE("pictures of another size: the layers below decide") {
  const Model m = small_net(6);
  const NodeId relu = m.graph.find("relu2");
  LayerScore larger(m, relu, {1, 3, 40, 32}, CpuStream(1));
  CHECK(larger.activations(zeros({1, 3, 40, 32})).shape() == Shape{1, 10, 20, 16});
  Graph g({1, 3, 4, 4});
  g.add("fc", std::make_shared<Conv>(2, kernels::ConvGeometry{4, 4, 1, 1, 0, 0, 1, 1, 1}));
  g.add("head", std::make_shared<Dense>(2));
  Model fixed(std::move(g));
  fixed.parameters = Parameters::initialized(fixed.graph, 1);
  CHECK_THROWS_AS(LayerScore(fixed, 2, {1, 3, 8, 8}, CpuStream(1)), Error);
}
