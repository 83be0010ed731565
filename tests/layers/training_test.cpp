#include "layers/training/trainer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "layers/batch_norm.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/relu.h"
#include "runtime/error.h"

using namespace cutaway;

namespace {

/// Bright bars, lying (class 0) or standing (1), anywhere, in noise.
void bars(std::mt19937& random, Tensor& images, std::vector<std::int32_t>& labels) {
  std::normal_distribution<float> noise(0.0f, 0.3f);
  std::uniform_int_distribution<std::int64_t> place(0, 7);
  for (float& v : images.f32()) v = noise(random);
  const View<float> x = images.ref().out();
  for (std::int64_t n = 0; n < x.shape.n; ++n) {
    const bool standing = place(random) % 2 == 1;
    labels[static_cast<std::size_t>(n)] = standing ? 1 : 0;
    const std::int64_t at = place(random);
    for (std::int64_t k = 0; k < 8; ++k) x.at(n, 0, standing ? k : at, standing ? at : k) += 1.5f;
  }
}

Model bar_net() {
  Graph g({1, 1, 8, 8});
  g.add("conv1",
        std::make_shared<Conv>(8, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}, false));
  g.add("norm1", std::make_shared<BatchNorm>());
  g.add("relu1", std::make_shared<Relu>());
  g.add("conv2", std::make_shared<Conv>(16, kernels::ConvGeometry{3, 3, 2, 2, 1, 1, 1, 1, 1}));
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("drop", std::make_shared<Dropout>(0.1f));
  g.add("fc", std::make_shared<Dense>(2));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 5);
  return m;
}

}  // namespace

TEST_CASE("training: a small net learns lying and standing bars, and does so in evaluation too") {
  for (const auto kind : {OptimizerOptions::Kind::kSgd, OptimizerOptions::Kind::kAdamW}) {
    const bool adam = kind == OptimizerOptions::Kind::kAdamW;
    CAPTURE(adam);
    const Model m = bar_net();
    Trainer::Options options;
    options.batch = 32;
    options.optimizer.kind = kind;
    options.optimizer.weight_decay = 1e-4f;
    Trainer trainer(m, m.graph.find("fc"), options, CpuStream(1));
    std::mt19937 random(1);
    Tensor images = zeros({32, 1, 8, 8});
    std::vector<std::int32_t> labels(32);
    double first = 0.0, loss = 0.0;
    std::int64_t correct = 0;
    constexpr int kSteps = 120;
    for (int step = 0; step < kSteps; ++step) {
      bars(random, images, labels);
      const auto result =
          trainer.step(images, labels, cosine_rate(step, kSteps, 5, adam ? 0.01f : 0.1f));
      if (step == 0) first = result.loss;
      if (step >= kSteps - 10) {
        loss += result.loss / 10;
        correct += result.correct;
      }
    }
    // Two classes that nothing tells apart yet cost log 2; weights drawn by He spread the scores by
    // about one.
    CHECK(std::fabs(first - std::log(2.0)) <= 0.6);
    CHECK(loss < 0.15);
    CHECK(correct > 300);  // of 320
    // With the running estimates.
    const Model trained(m.graph, trainer.parameters());
    PlanRequest r;
    r.input = {32, 1, 8, 8};
    Executor e(trained, r, CpuStream(1));
    bars(random, images, labels);
    e.set_input(images);
    e.forward();
    const Tensor y = e.read(e.output());
    int right = 0;
    for (std::size_t n = 0; n < 32; ++n)
      right += (y.f32()[2 * n + 1] > y.f32()[2 * n]) == (labels[n] == 1) ? 1 : 0;
    CHECK(right >= 30);
  }
}

TEST_CASE("training: two runs from one seed are equal to the bit") {
  std::vector<float> bits[2];
  for (auto& b : bits) {
    const Model m = bar_net();
    Trainer::Options options;
    options.batch = 8;
    options.engines.force = "conv:reference,gemm:reference";
    Trainer trainer(m, m.graph.find("fc"), options, CpuStream(1));
    std::mt19937 random(3);
    Tensor images = zeros({8, 1, 8, 8});
    std::vector<std::int32_t> labels(8);
    for (int step = 0; step < 5; ++step) {
      bars(random, images, labels);
      (void)trainer.step(images, labels, 0.05f);
    }
    const Parameters p = trainer.parameters();
    for (NodeId id = 0; id < m.graph.size(); ++id) {
      for (const Tensor& t : p.of(id)) b.insert(b.end(), t.f32().begin(), t.f32().end());
    }
    // The model it started from is as it was.
    const Parameters fresh = Parameters::initialized(m.graph, 5);
    CHECK(std::ranges::equal(m.parameters.of(1)[0].f32(), fresh.of(1)[0].f32()));
  }
  CHECK(bits[0] == bits[1]);
}

namespace {

/// y = W x with one image and two classes: W 2x1 zeros, x = 3. Softmax is (.5, .5), so dW = ((p -
/// t) x).
struct OneStep {
  Model model;
  OneStep() : model(graph()) {
    model.parameters = Parameters::zeroed(model.graph);
    model.parameters.of(1)[0].f32()[0] = 0.5f;
    model.parameters.of(1)[0].f32()[1] = 0.5f;
  }
  static Graph graph() {
    Graph g({1, 1, 1, 1});
    g.add("fc", std::make_shared<Dense>(2));
    return g;
  }
  std::vector<float> after(const OptimizerOptions& o, int steps, float rate) {
    Trainer::Options options;
    options.batch = 1;
    options.optimizer = o;
    Trainer trainer(model, 1, options, CpuStream(1));
    const float x = 3.0f;
    const std::int32_t label = 0;
    for (int i = 0; i < steps; ++i)
      (void)trainer.step(tensor_of({1, 1, 1, 1}, {&x, 1}), {&label, 1}, rate);
    const Parameters p = trainer.parameters();
    return {p.of(1)[0].f32()[0], p.of(1)[0].f32()[1], p.of(1)[1].f32()[0], p.of(1)[1].f32()[1]};
  }
};

void expect(const std::vector<float>& got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    CHECK(static_cast<double>(got[i]) == doctest::Approx(want[i]).epsilon(1e-6));
}

}  // namespace

TEST_CASE("training: single steps against hand computation") {
  OneStep one;
  OptimizerOptions sgd;
  sgd.momentum = 0.9f;
  // Gradients: scores (1.5, 1.5), p = (.5, .5); dW = ((-.5) 3, .5 3), db = (-.5, .5).
  expect(one.after(sgd, 1, 0.1f), {0.5 + 0.15, 0.5 - 0.15, 0.05, -0.05});
  sgd.weight_decay = 0.2f;  // on the weights, not on the bias: v = g + .2 * .5
  expect(one.after(sgd, 1, 0.1f), {0.5 - 0.1 * (-1.5 + 0.1), 0.5 - 0.1 * (1.5 + 0.1), 0.05, -0.05});
  sgd.weight_decay = 0.0f;
  // Two steps: scores (.65 3 + .05, .35 3 - .05) = (2, 1), p0 = 1 / (1 + e^-1); v = .9 g1 + g2.
  const double q = 1.0 - 1.0 / (1.0 + std::exp(-1.0));
  expect(one.after(sgd, 2, 0.1f),
         {0.65 + 0.1 * (0.9 * 1.5 + 3 * q), 0.35 - 0.1 * (0.9 * 1.5 + 3 * q),
          0.05 + 0.1 * (0.9 * 0.5 + q), -0.05 - 0.1 * (0.9 * 0.5 + q)});
  sgd.nesterov = true;  // w - rate (g + momentum v), v = g at the first step
  expect(one.after(sgd, 1, 0.1f), {0.5 + 0.1 * 1.9 * 1.5, 0.5 - 0.1 * 1.9 * 1.5, 0.095, -0.095});
  OptimizerOptions adam;
  adam.kind = OptimizerOptions::Kind::kAdamW;
  // The first step of Adam is rate * sign(g), whatever the size of g.
  expect(one.after(adam, 1, 0.1f), {0.6, 0.4, 0.1, -0.1});
  adam.weight_decay = 0.2f;  // decoupled: w - rate * decay * w beside it
  expect(one.after(adam, 1, 0.1f), {0.6 - 0.1 * 0.2 * 0.5, 0.4 - 0.1 * 0.2 * 0.5, 0.1, -0.1});
}

TEST_CASE("training: the schedule warms up and falls along a cosine") {
  CHECK(cosine_rate(0, 100, 10, 1.0f) == doctest::Approx(0.1));
  CHECK(cosine_rate(9, 100, 10, 1.0f) == doctest::Approx(1.0));
  CHECK(cosine_rate(10, 100, 10, 1.0f) == doctest::Approx(1.0));
  CHECK(cosine_rate(55, 100, 10, 1.0f) == doctest::Approx(0.5));
  CHECK(cosine_rate(100, 100, 10, 1.0f) == doctest::Approx(0.0));
  CHECK(cosine_rate(1000, 100, 10, 1.0f) == doctest::Approx(0.0));
  CHECK(cosine_rate(0, 100, 0, 0.3f) == doctest::Approx(0.3));
  CHECK(cosine_rate(3, 0, 0, 0.3f) == doctest::Approx(0.0));  // no division by zero
  for (int step = 11; step < 100; ++step)
    CHECK(cosine_rate(step, 100, 10, 1.0f) < cosine_rate(step - 1, 100, 10, 1.0f));
}

TEST_CASE("training: errors") {
  const Model m = bar_net();
  Trainer::Options options;
  options.batch = 4;
  Trainer trainer(m, m.graph.find("fc"), options, CpuStream(1));
  std::vector<std::int32_t> labels(4, 0);
  const auto kind_of = [&](const Shape& s, float rate) {
    try {
      (void)trainer.step(zeros(s), labels, rate);
    } catch (const Error& error) {
      return error.kind();
    }
    FAIL("nothing was thrown");
    return ErrorKind::kInternal;
  };
  CHECK(kind_of({3, 1, 8, 8}, 0.1f) == ErrorKind::kShape);
  labels[2] = 2;
  CHECK(kind_of({4, 1, 8, 8}, 0.1f) == ErrorKind::kInput);
  labels[2] = -1;
  CHECK(kind_of({4, 1, 8, 8}, 0.1f) == ErrorKind::kInput);
  labels.pop_back();
  CHECK(kind_of({4, 1, 8, 8}, 0.1f) == ErrorKind::kShape);
  CHECK_THROWS_AS(Trainer(m, m.graph.find("relu2"), options, CpuStream(1)), Error);
}

TEST_CASE("training with a filter radius keeps every filter within it, and without it does not") {
  const auto largest_rms = [](const Parameters& p, const Graph& g) {
    double most = 0.0;
    for (const char* name : {"conv1", "conv2"}) {
      const Tensor& w = p.of(g.find(name))[0];
      const auto size = static_cast<std::size_t>(w.shape().c * w.shape().plane());
      for (std::size_t o = 0; o < static_cast<std::size_t>(w.shape().n); ++o) {
        double sum = 0.0;
        for (const float v : w.f32().subspan(o * size, size))
          sum += static_cast<double>(v) * static_cast<double>(v);
        most = std::max(most, std::sqrt(sum / static_cast<double>(size)));
      }
    }
    return most;
  };
  const Model m = bar_net();
  CHECK(largest_rms(m.parameters, m.graph) > 0.2);
  std::vector<double> losses[2];
  for (const double radius : {0.0, 0.1}) {
    Trainer::Options options;
    options.batch = 32;
    options.filter_radius = radius;
    Trainer trainer(m, m.graph.find("fc"), options, CpuStream(1));
    std::mt19937 random(1);
    Tensor images = zeros({32, 1, 8, 8});
    std::vector<std::int32_t> labels(32);
    for (int step = 0; step < 60; ++step) {
      bars(random, images, labels);
      losses[radius > 0.0].push_back(trainer.step(images, labels, 0.05f).loss);
      if (radius == 0.0) continue;
      // What is above the radius after scaling is so by the rounding of float32 weights.
      CHECK(largest_rms(trainer.parameters(), m.graph) <= radius * (1.0 + 2e-6));
    }
    if (radius == 0.0) {
      CHECK(largest_rms(trainer.parameters(), m.graph) > 0.2);
      CHECK(trainer.renormalized() == 0);
    } else {
      CHECK(trainer.renormalized() >= 24);  // at the first update all of both layers' filters
    }
  }
  // Scaling conv1, which is normalised behind it, changes nothing of the first loss; the nets learn
  // both.
  CHECK(losses[0].front() == losses[1].front());
  CHECK(losses[0].back() != losses[1].back());
  CHECK(losses[1].back() < 0.5 * losses[1].front());
}

namespace {

Model plain_net() {
  Graph g({1, 2, 6, 6});
  g.add("conv1", std::make_shared<Conv>(4, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu1", std::make_shared<Relu>());
  g.add("conv2", std::make_shared<Conv>(5, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(3));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 8);
  return m;
}

Recipe plain_recipe(std::int64_t batch) {
  Recipe r;
  r.batch = batch;
  r.optimizer.momentum = 0.0f;
  r.schedule.kind = ScheduleOptions::Kind::kConstant;
  return r;
}

Tensor noise_images(std::int64_t count) {
  Tensor images = zeros({count, 2, 6, 6});
  std::mt19937 random(2);
  std::normal_distribution<float> noise;
  for (float& v : images.f32()) v = noise(random);
  return images;
}

}  // namespace

TEST_CASE("training: losses on two layers add up in the weights below both") {
  const Tensor images = noise_images(6);
  const std::vector<std::int32_t> labels{0, 1, 2, 0, 1, 2};
  Recipe recipe = plain_recipe(6);
  recipe.losses = {
      LossSpec{"cross_entropy", 0.5f, {{"smoothing", 0.1}}},
      LossSpec{"contrastive", 2.0f, {{"temperature", 1.0}, {"features", std::string("flat")}}},
      LossSpec{"centre", 1.0f, {{"layer", std::string("relu1")}}}};
  const auto loss_at = [&](const Model& m) {
    Trainer trainer(m, recipe, 1, CpuStream(1));
    const Trainer::Result r = trainer.step(images, labels, 0.0f);
    CHECK(r.loss == doctest::Approx(0.5 * r.parts[0] + 2.0 * r.parts[1] + r.parts[2]));
    return r.loss;
  };
  const Model model = plain_net();
  Trainer trainer(model, recipe, 1, CpuStream(1));
  (void)trainer.step(images, labels, 1.0f);  // w - gradient
  const Parameters after = trainer.parameters();
  for (const char* layer : {"conv1", "conv2", "fc"}) {
    const NodeId id = model.graph.find(layer);
    for (const std::size_t k : {std::size_t{0}, std::size_t{7}, std::size_t{13}}) {
      CAPTURE(layer);
      CAPTURE(k);
      // Small: a ReLU that changes sides within the step is a kink in the difference.
      constexpr float kStep = 1.0f / 2048.0f;
      Model moved = plain_net();
      moved.parameters.of(id)[0].f32()[k] += kStep;
      const double above = loss_at(moved);
      moved.parameters.of(id)[0].f32()[k] -= 2.0f * kStep;
      const double numeric = (above - loss_at(moved)) / (2.0 * static_cast<double>(kStep));
      const auto gradient =
          static_cast<double>(model.parameters.of(id)[0].f32()[k] - after.of(id)[0].f32()[k]);
      // Float32 losses of about 3, off by 2e-7, over twice the step: 2e-4.
      CHECK(std::fabs(gradient - numeric) <= 2e-3 * std::fabs(numeric) + 3e-4);
    }
  }
}

TEST_CASE("training: frozen layers stay, and those above them learn as they would anyway") {
  const Tensor images = noise_images(4);
  const std::vector<std::int32_t> labels{0, 1, 2, 0};
  const Model model = plain_net();
  const auto after_one = [&](std::vector<std::string> freeze) {
    Recipe recipe = plain_recipe(4);
    recipe.freeze = std::move(freeze);
    Trainer trainer(model, recipe, 1, CpuStream(1));
    (void)trainer.step(images, labels, 0.1f);
    return trainer.parameters();
  };
  const auto values = [](const Parameters& p, NodeId id) {
    const auto w = p.of(id)[0].f32();
    return std::vector<float>(w.begin(), w.end());
  };
  const Parameters all = after_one({}), frozen = after_one({"conv*"}),
                   middle = after_one({"conv2"});
  CHECK(values(frozen, 1) == values(model.parameters, 1));
  CHECK(values(frozen, 3) == values(model.parameters, 3));
  CHECK(values(all, 1) != values(model.parameters, 1));
  // Frozen weights are transformed once, others at every run: not the same bits.
  const auto near = [](const std::vector<float>& a, const std::vector<float>& b) {
    double worst = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i)
      worst = std::max(worst, static_cast<double>(std::fabs(a[i] - b[i])));
    return worst;
  };
  CHECK(near(values(frozen, 6), values(all, 6)) < 1e-6);
  // The signal passes through a frozen layer to what trains below.
  CHECK(values(middle, 3) == values(model.parameters, 3));
  CHECK(near(values(middle, 1), values(all, 1)) < 1e-6);
}

TEST_CASE("training: a loss that is not finite names step, layer and image, before any update") {
  const Model model = plain_net();
  Trainer trainer(model, plain_recipe(4), 1, CpuStream(1));
  Tensor images = noise_images(4);
  const std::vector<std::int32_t> labels{0, 1, 2, 0};
  (void)trainer.step(images, labels, 0.1f);
  const Parameters before = trainer.parameters();
  images.f32()[2 * 72 + 5] = std::nanf("");
  try {
    (void)trainer.step(images, labels, 0.1f);
    FAIL("a loss that is no number was taken");
  } catch (const Error& error) {
    CHECK(error.where() == "step 1, layer input (input), image 2 of the batch");
  }
  CHECK(trainer.steps() == 1);
  CHECK(std::ranges::equal(trainer.parameters().of(1)[0].f32(), before.of(1)[0].f32()));
  // Weights that overflow on the way: the layer is named in which they do.
  Model huge = plain_net();
  for (float& w : huge.parameters.of(3)[0].f32()) w = 3e38f;
  Trainer other(huge, plain_recipe(4), 1, CpuStream(1));
  try {
    (void)other.step(noise_images(4), labels, 0.1f);
    FAIL("an infinite loss was taken");
  } catch (const Error& error) {
    const std::string where = error.where();
    CAPTURE(where);
    CHECK(where.find("layer conv2 (conv), image 0") != std::string::npos);
  }
}

TEST_CASE("training: mixup does not go with losses that compare images, moving averages follow") {
  Recipe recipe = plain_recipe(4);
  recipe.mixup = 0.4f;
  recipe.average_decay = 0.5f;
  const Model model = plain_net();
  Trainer trainer(model, recipe, 1, CpuStream(1));
  const std::vector<std::int32_t> labels{0, 1, 2, 0};
  (void)trainer.step(noise_images(4), labels, 0.5f);
  const Parameters now = trainer.parameters(), average = trainer.averaged_parameters();
  for (std::size_t i = 0; i < 8; ++i) {  // the first decay is 1 / 10
    const float want = 0.1f * model.parameters.of(1)[0].f32()[i] + 0.9f * now.of(1)[0].f32()[i];
    CHECK(average.of(1)[0].f32()[i] == doctest::Approx(want).epsilon(1e-5));
  }
  recipe.losses.push_back({"triplet", 0.1f, {}});
  CHECK_THROWS_AS(Trainer(model, recipe, 1, CpuStream(1)), Error);
}
