#include "explain/evaluate/baseline.h"
#include "explain/evaluate/pointing.h"
#include "explain/evaluate/robustness.h"
#include "explain/evaluate/sanity.h"
#include "explain/network.h"
#include "layers/batch_norm.h"
#include "layers/flatten.h"
#include "runtime/error.h"
#include "tests/explain/compare_support.h"
#include "tests/explain/small_net.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tests;

namespace {

Model linear_net(std::int64_t channels, std::int64_t side, std::span<const float> weights) {
  Graph g({1, channels, side, side});
  g.add("flat", std::make_shared<Flatten>());
  g.add("fc", std::make_shared<Dense>(1));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(weights, m.parameters.of(m.graph.find("fc"))[0].f32().begin());
  return m;
}

/// Explains with the model's own weights.
Explainer constant_map(const Tensor& weights) {
  return [w = std::make_shared<Tensor>(weights.clone())](const Tensor& x,
                                                         std::span<const std::int64_t>) {
    const Shape& s = w->shape();
    Tensor maps = zeros({x.shape().n, s.c, s.h, s.w});
    for (std::size_t i = 0; i < maps.f32().size(); ++i) {
      maps.f32()[i] = w->f32()[i % w->f32().size()];
    }
    return maps;
  };
}

}  // namespace

TEST_CASE("evaluate: infidelity of a linear score") {
  const Tensor w = random_tensor({1, 3, 6, 6}, 2);
  const Model m = linear_net(3, 6, w.f32());
  Evaluator e(m, {0, logits_node(m.graph)}, {CpuStream(2), {}});
  const Tensor x = random_tensor({1, 3, 6, 6}, 3);
  const PixelSpace unit{{0, 0, 0}, {1, 1, 1}};
  for (const auto noise : {InfidelityNoise::kNoisyBaseline, InfidelityNoise::kGaussian}) {
    InfidelityOptions o{noise, 0.2, 64};
    o.rescale = false;
    CHECK(infidelity(e, x, 0, w.f32(), unit, o) < 1e-9);  // the gradient tells every change
  }
  // With square removal the map that holds the input does.
  Tensor product = x.clone();
  for (std::size_t i = 0; i < product.f32().size(); ++i) product.f32()[i] *= w.f32()[i];
  InfidelityOptions squares{InfidelityNoise::kSquareRemoval, 0.2, 64, 4, false};
  CHECK(infidelity(e, x, 0, product.f32(), unit, squares) < 1e-9);
  CHECK(infidelity(e, x, 0, w.f32(), unit, squares) > 0.1);
  // w + 0.5 e_1 under noise of 0.2: 0.5^2 0.2^2 = 0.01; of 4000 draws the error is 2 %.
  Tensor off = w.clone();
  off.f32()[0] += 0.5f;
  InfidelityOptions gaussian{InfidelityNoise::kGaussian, 0.2, 4000};
  gaussian.rescale = false;
  CHECK(std::fabs(infidelity(e, x, 0, off.f32(), unit, gaussian) - 0.01) < 0.001);
  // A range of black to white of 3: the noise is three times as wide.
  const PixelSpace wide{{-1, -1, -1}, {2, 2, 2}};
  CHECK(std::fabs(infidelity(e, x, 0, off.f32(), wide, gaussian) - 0.09) < 0.009);
  // Scaled maps are as good where the best factor is taken.
  Tensor scaled = w.clone();
  for (float& v : scaled.f32()) v *= 40.0f;
  gaussian.rescale = true;
  CHECK(infidelity(e, x, 0, scaled.f32(), unit, gaussian) < 1e-8);
  CHECK(infidelity(e, x, 0, zeros({1, 3, 6, 6}).f32(), unit, gaussian) > 0.01);
  CHECK_THROWS_AS((void)infidelity(e, x, 0, w.f32().first(5), unit, gaussian), Error);
  CHECK_THROWS_AS((void)infidelity(e, x, 0, w.f32(), {{0}, {1}}, gaussian), Error);
  gaussian.samples = 0;
  CHECK_THROWS_AS((void)infidelity(e, x, 0, w.f32(), unit, gaussian), Error);
}

TEST_CASE("evaluate: infidelity equals a plain loop over its own perturbations") {
  const Model m = small_net(2);
  Evaluator e(m, {0, logits_node(m.graph)}, {CpuStream(1), {}});
  const Tensor x = random_tensor({1, 3, 24, 24}, 3), phi = random_tensor({1, 1, 24, 24}, 4);
  const PixelSpace pixels = caffe_pixels();
  InfidelityOptions o{InfidelityNoise::kNoisyBaseline, 0.2, 20};
  o.seed = 9;
  const double got = infidelity(e, x, 1, phi.f32(), pixels, o);
  PlanRequest plan;
  plan.input = x.shape();
  Executor single(m, plan, CpuStream(1));
  const auto score = [&](const Tensor& input) {
    single.set_input(input);
    single.forward();
    return static_cast<double>(single.read(single.output()).f32()[1]);
  };
  const double intact = score(x);
  double cross = 0, square = 0, change = 0;
  for (std::uint64_t k = 0; k < 20; ++k) {
    Tensor y = x.clone();
    double inner = 0;
    for (std::size_t i = 0; i < y.f32().size(); ++i) {
      const std::size_t c = i / 576;
      const float z = std::clamp(0.2f * normal(Philox{9, 2 + k}, i), 0.0f, 1.0f);
      y.f32()[i] = pixels.black[c] + z * (pixels.white[c] - pixels.black[c]);
      inner += (static_cast<double>(x.f32()[i]) - static_cast<double>(y.f32()[i])) *
               static_cast<double>(phi.f32()[i % 576]);
    }
    const double difference = intact - score(y);
    cross += inner * difference;
    square += inner * inner;
    change += difference * difference;
  }
  // min over beta of E[(beta p - d)^2] = E[d^2] - E[pd]^2 / E[p^2].
  CHECK(close(got, (change - cross * cross / square) / 20, 1e-5));
}

TEST_CASE("evaluate: max-sensitivity") {
  const Tensor w = random_tensor({1, 1, 8, 8}, 2), x = random_tensor({1, 1, 8, 8}, 3);
  const PixelSpace unit{{0}, {1}};
  MaxSensitivityOptions o{0.1, 20, 6};
  CHECK(max_sensitivity(constant_map(w), x, 0, unit, o) == 0.0);
  // Phi(y) = y: the largest |y - x| / |x| of the draws, by a plain loop.
  const Explainer identity = [](const Tensor& y, std::span<const std::int64_t>) {
    return y.clone();
  };
  double most = 0, norm = 0;
  for (const float v : x.f32()) norm += static_cast<double>(v) * static_cast<double>(v);
  for (std::uint64_t k = 1; k <= 20; ++k) {
    double square = 0;
    for (std::size_t i = 0; i < 64; ++i) {
      const double d = 0.1 * (2.0 * static_cast<double>(Philox{0, k}.uniform(i)) - 1.0);
      square += d * d;
    }
    most = std::max(most, std::sqrt(square / norm));
  }
  CHECK(close(max_sensitivity(identity, x, 0, unit, o), most));
  // Other batches, the same draws.
  o.batch = 21;
  CHECK(close(max_sensitivity(identity, x, 0, unit, o), most));
  // A map of zeros is divided by 1.
  CHECK(close(max_sensitivity(identity, zeros({1, 1, 8, 8}), 0, unit, o), most * std::sqrt(norm)));
  o.samples = 0;
  CHECK_THROWS_AS((void)max_sensitivity(identity, x, 0, unit, o), Error);
}

TEST_CASE("evaluate: the pointing game's 15 pixels are strict") {
  std::vector<float> values(40 * 60, 0.0f);
  const Map map{values, 40, 60};
  const auto at = [&](int row, int column) {
    std::ranges::fill(values, 0.0f);
    values[static_cast<std::size_t>(row * 60 + column)] = 1.0f;
  };
  const std::vector<Box> boxes{{30, 10, 34, 20}};
  const ByteMap region = mask_of(boxes, 40, 60);
  CHECK(std::ranges::count(region.values, 1) == 55);
  at(15, 48);
  CHECK(points_at(map, region));  // 14 to the right
  at(15, 49);
  CHECK_FALSE(points_at(map, region));  // 15
  at(29, 46);                           // 9 below, 12 to the right: 15
  CHECK_FALSE(points_at(map, region));
  CHECK(points_at(map, region, 15.01));
  at(12, 32);
  CHECK(points_at(map, region));
  values[12 * 60 + 55] = 1.0f;  // the first maximum counts
  CHECK(points_at(map, region));
  CHECK(close(energy_inside(map, region), 0.5, 1e-12));
  values[0] = -5.0f;
  CHECK(close(energy_inside(map, region), 0.5, 1e-12));
  std::ranges::fill(values, 0.0f);
  CHECK_FALSE(points_at(map, mask_of(std::vector<Box>{{0, 0, 59, 39}}, 40, 60)));
  CHECK(energy_inside(map, region) == 0.0);
  values[5 * 60 + 1] = std::nanf("");  // the maximum, wherever others are
  values[15 * 60 + 32] = 9.0f;
  CHECK_FALSE(points_at(map, region));
  CHECK(std::ranges::count(mask_of(std::vector<Box>{{-5, -5, 1, 0}}, 40, 60).values, 1) == 2);
  CHECK_THROWS_AS((void)points_at(map, mask_of(boxes, 40, 61)), Error);
  const std::vector<double> hits{1, 0, 1, 1};
  CHECK(close(mean_of_class_means(hits, std::vector<std::int64_t>{5, 5, 5, 2}), (2. / 3 + 1) / 2));
}

TEST_CASE("evaluate: similarity of maps is scikit-image's and SciPy's") {
  const CompareBundle bundle;
  const auto a = bundle.values("/similarity/a"), b = bundle.values("/similarity/b");
  const Map x{a, 70, 83}, y{b, 70, 83};
  const auto golden = bundle.values("/similarity/values");
  const MapSimilarity s = compare_maps(x, y);
  CHECK(close(s.spearman_absolute, golden[0]));
  CHECK(close(s.spearman, golden[1]));
  CHECK(close(s.ssim, golden[2]));
  CHECK(close(s.hog, golden[3]));
  const auto hog = bundle.values("/similarity/hog");
  std::vector<float> absolute(a.size());
  std::ranges::transform(a, absolute.begin(), [](float v) { return std::fabs(v); });
  const auto features = hog_features({absolute, 70, 83});
  REQUIRE(features.size() == hog.size());
  // The features were of the map scaled to [0, 1], which leaves the normalised blocks alone.
  for (std::size_t k = 0; k < hog.size(); ++k) CHECK(close(features[k], hog[k], 2e-5));
  const MapSimilarity same = compare_maps(x, x);
  CHECK(close(same.ssim, 1.0, 1e-12));
  CHECK(close(same.spearman, 1.0, 1e-12));
  CHECK(close(same.hog, 1.0, 1e-12));
  CHECK_THROWS_AS((void)compare_maps(x, {b, 83, 70}), Error);
  CHECK_THROWS_AS(
      (void)compare_maps({std::span(a).first(100), 10, 10}, {std::span(b).first(100), 10, 10}),
      Error);
}

TEST_CASE("evaluate: randomised weights") {
  Model m = small_net(4);
  const auto layers = layers_to_randomize(m.graph);
  REQUIRE(layers.size() == 3);
  CHECK(layers[0] == m.graph.find("fc"));
  CHECK(layers[2] == m.graph.find("conv1"));
  const NodeId conv = m.graph.find("conv2"), fc = m.graph.find("fc");
  const auto values = [&](const Model& of, NodeId node, std::size_t k) {
    const auto span = of.parameters.of(node)[k].f32();
    return std::vector<float>(span.begin(), span.end());
  };
  m.parameters.of(conv)[1].f32()[0] = 3.0f;
  const std::vector<NodeId> one{conv};
  const Model normal = randomized(m, one, Reinitialization::kTruncatedNormal, 1);
  CHECK(values(normal, fc, 0) == values(m, fc, 0));
  double square = 0;
  for (const float v : values(normal, conv, 0)) {
    CHECK(std::fabs(v) <= 0.02f);
    square += static_cast<double>(v) * static_cast<double>(v);
  }
  // The deviation of a normal variable cut at two is 0.8796; 720 weights, four standard errors.
  CHECK(std::fabs(std::sqrt(square / 720) - 0.008796) < 0.0008);
  for (const float v : values(normal, conv, 1)) CHECK(v == 0.0f);
  const std::vector<NodeId> two{fc, conv};
  CHECK(values(randomized(m, two, Reinitialization::kTruncatedNormal, 1), conv, 0) ==
        values(normal, conv, 0));
  CHECK(values(randomized(m, one, Reinitialization::kTruncatedNormal, 2), conv, 0) !=
        values(normal, conv, 0));
  auto permuted = values(randomized(m, one, Reinitialization::kPermutation, 1), conv, 0);
  auto own = values(m, conv, 0);
  CHECK(permuted != own);
  std::ranges::sort(permuted);
  std::ranges::sort(own);
  CHECK(permuted == own);
  for (const char* name : {"truncated_normal", "he", "permutation"}) {
    CHECK(std::string(to_string(find_reinitialization(name))) == name);
  }
}

TEST_CASE("evaluate: a method that reads weights fails to keep its map, a baseline keeps it") {
  Graph g({1, 1, 64, 64});
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  g.add("conv1", std::make_shared<Conv>(4, three));
  g.add("relu1", std::make_shared<Relu>());
  g.add("conv2", std::make_shared<Conv>(4, three));
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(3));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 5);
  const Tensor x = random_tensor({2, 1, 64, 64}, 6);
  const std::vector<std::int64_t> targets{1, 2};
  SanityRequest request;
  request.kind = Reinitialization::kHe;
  const auto steps = sanity_check(m, "saliency", {}, x, targets, request, CpuStream(1), {});
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].layers == std::vector<std::string>{"fc"});
  REQUIRE(steps[2].similarity.size() == 2);
  CHECK(steps[2].similarity[0].spearman < 0.5);
  // Nothing changed: exactly the same map.
  request.steps = {{}};
  const auto none = sanity_check(m, "saliency", {}, x, targets, request, CpuStream(1), {});
  CHECK(none[0].similarity[1].spearman == doctest::Approx(1.0).epsilon(1e-12));
  CHECK(none[0].similarity[1].ssim == doctest::Approx(1.0).epsilon(1e-12));
  // Independent: the last step leaves the first alone.
  request.steps = {{m.graph.find("fc")}, {}};
  request.cascading = false;
  const auto alone = sanity_check(m, "saliency", {}, x, targets, request, CpuStream(1), {});
  CHECK(alone[0].similarity[0].spearman < 0.999);
  CHECK(alone[1].similarity[0].spearman > 0.999999);
}

TEST_CASE("evaluate: baselines") {
  const Tensor x = random_tensor({1, 3, 11, 17}, 1);
  const Tensor center = baseline_map(Baseline::kCenter, x, 0, 0);
  CHECK(center.f32()[5 * 17 + 8] == 1.0f);
  CHECK(close(center.f32()[0], std::exp(-0.5 * (4.0 * 25 * 4 / 121 + 4.0 * 64 * 4 / 289)), 1e-6));
  const Tensor sobel = baseline_map(Baseline::kSobel, x, 0, 0);
  const auto gray = [&](std::int64_t i, std::int64_t j) {
    double sum = 0;
    for (std::int64_t c = 0; c < 3; ++c) {
      sum += static_cast<double>(
          x.f32()[static_cast<std::size_t>((c * 11 + std::clamp<std::int64_t>(i, 0, 10)) * 17 +
                                           std::clamp<std::int64_t>(j, 0, 16))]);
    }
    return sum / 3;
  };
  for (std::int64_t i = 0; i < 11; ++i) {
    for (std::int64_t j = 0; j < 17; ++j) {
      const double dx = gray(i - 1, j + 1) + 2 * gray(i, j + 1) + gray(i + 1, j + 1) -
                        gray(i - 1, j - 1) - 2 * gray(i, j - 1) - gray(i + 1, j - 1);
      const double dy = gray(i + 1, j - 1) + 2 * gray(i + 1, j) + gray(i + 1, j + 1) -
                        gray(i - 1, j - 1) - 2 * gray(i - 1, j) - gray(i - 1, j + 1);
      REQUIRE(close(sobel.f32()[static_cast<std::size_t>(i * 17 + j)], std::hypot(dx, dy)));
    }
  }
  const Tensor a = baseline_map(Baseline::kRandom, x, 1, 2),
               b = baseline_map(Baseline::kRandom, x, 1, 3);
  CHECK_FALSE(std::ranges::equal(a.f32(), b.f32()));
  for (const std::string& name : baseline_names()) CHECK(to_string(find_baseline(name)) == name);
  CHECK_THROWS_AS((void)find_baseline("centre"), Error);
}
