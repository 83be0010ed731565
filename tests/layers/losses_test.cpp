#include "layers/training/losses/loss.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/relu.h"
#include "layers/template_mask.h"
#include "layers/training/losses/filter_loss.h"
#include "runtime/error.h"
#include "runtime/philox.h"

using namespace cutaway;

namespace {

/// maps (node 1) -> gap -> fc (node 3).
Graph pooled_graph(std::int64_t channels, std::int64_t h, std::int64_t w, std::int64_t classes) {
  Graph g({1, channels, h, w});
  g.add("maps", std::make_shared<Conv>(channels, kernels::ConvGeometry{}, false));
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(classes));
  return g;
}

Tensor random_maps(const Shape& s, std::uint64_t seed, float least = 0.0f) {
  Tensor t = zeros(s);
  const Philox random{seed, 1};
  for (std::size_t i = 0; i < t.f32().size(); ++i)
    t.f32()[i] = std::max(least, normal(random, i) + 0.4f);
  return t;
}

struct Evaluated {
  double value;
  Tensor gradient;
};

Evaluated evaluate(Loss& loss,
                   const Tensor& maps,
                   const std::vector<std::int32_t>& labels,
                   const Parameters& p,
                   double epoch = 100.0,
                   int threads = 2) {
  Evaluated e{0.0, zeros(maps.shape())};
  Stream stream = CpuStream(threads);
  const TensorRef in = maps.ref(), out = e.gradient.ref();
  e.value = loss.evaluate({stream, {&in, 1}, {&out, 1}, {labels, {}, {}}, p, epoch, 1.0f});
  return e;
}

LossSpec spec_of(const char* kind, Attributes settings = {}) {
  return {kind, 1.0f, std::move(settings)};
}

/// Central differences of a loss at some of its inputs against its gradient. `fresh` makes the loss
/// anew: some move state when they are evaluated.
void check_gradient(const std::function<LossPtr()>& fresh,
                    const Tensor& maps,
                    const std::vector<std::int32_t>& labels,
                    const Parameters& p) {
  const LossPtr loss = fresh();
  const Evaluated at = evaluate(*loss, maps, labels, p);
  CHECK(std::isfinite(at.value));
  double largest = 0.0, worst = 0.0;
  for (std::size_t i = 0; i < maps.f32().size(); i += 7) {
    constexpr float kStep = 1.0f / 256.0f;
    double side[2];
    for (const int s : {0, 1}) {
      Tensor moved = maps.clone();
      moved.f32()[i] += s == 0 ? -kStep : kStep;
      side[s] = evaluate(*fresh(), moved, labels, p).value;
    }
    const double numeric = (side[1] - side[0]) / (2.0 * static_cast<double>(kStep));
    const auto own = static_cast<double>(at.gradient.f32()[i]);
    largest = std::max(largest, std::fabs(numeric));
    if (!(std::fabs(numeric - own) <= worst)) worst = std::fabs(numeric - own);
  }
  CHECK(largest > 0.0);
  // The second-order term of the difference, h^2 f''' / 6, is the greatest part of the error.
  CHECK(worst <= 2e-3 * largest + 1e-6);
}

Tensor two_by_two(std::initializer_list<float> values, std::int64_t images, std::int64_t channels) {
  return tensor_of({images, channels, 1, 1}, std::vector<float>(values));
}

}  // namespace

TEST_CASE("losses: gradients against central differences") {
  const Graph g = pooled_graph(4, 3, 4, 3);
  Parameters p = Parameters::initialized(g, 3);
  const Tensor maps = random_maps({6, 4, 3, 4}, 5);
  const std::vector<std::int32_t> labels{0, 1, 0, 2, 1, 0};
  const std::vector<std::pair<const char*, Attributes>> cases{
      {"pull_push", {{"masked", false}}},
      {"pull_push", {{"masked", false}, {"features", std::string("flat")}, {"push", 3.0}}},
      {"contrastive", {}},
      {"contrastive", {{"features", std::string("flat")}, {"temperature", 1.0}}},
      {"triplet", {{"margin", 1.0}}},
      {"centre", {}},
      {"centre", {{"features", std::string("flat")}}},
      {"filter", {{"gradient", std::string("exact")}, {"tau", 0.5}}},
  };
  for (const auto& [kind, settings] : cases) {
    const std::string name = kind;
    CAPTURE(name);
    const LossSpec spec = spec_of(kind, settings);
    check_gradient([&] { return make_loss(spec, g, 3); }, maps, labels, p);
  }
}

TEST_CASE("losses: pull and push of known vectors") {
  const Graph g = pooled_graph(2, 1, 2, 2);
  const Parameters p = Parameters::zeroed(g);
  const LossPtr loss =
      make_loss(spec_of("pull_push", {{"masked", false}, {"layer", std::string("maps")}}), g, 3);
  // Two equal vectors of one class: nothing to pull. Lengths do not count.
  Tensor maps = tensor_of({2, 2, 1, 2}, std::vector<float>{3, 3, 4, 4, 6, 6, 8, 8});
  Evaluated e = evaluate(*loss, maps, {1, 1}, p);
  CHECK(std::fabs(e.value) < 1e-7);
  // Of two classes: similarity 1, margin 0.3.
  e = evaluate(*loss, maps, {0, 1}, p);
  CHECK(e.value == doctest::Approx(0.7).epsilon(1e-6));
  // The gradient of a cosine has no part along the vector.
  const auto dx = e.gradient.f32();
  const double along =
      3.0 * static_cast<double>(dx[0] + dx[1]) + 4.0 * static_cast<double>(dx[2] + dx[3]);
  CHECK(std::fabs(along) < 1e-7);
  // (3, 4) and (4, 3): similarity 24 / 25; d/du of one is the other's part across.
  maps = tensor_of({2, 2, 1, 2}, std::vector<float>{3, 3, 4, 4, 4, 4, 3, 3});
  e = evaluate(*loss, maps, {1, 1}, p);
  CHECK(e.value == doctest::Approx(0.04).epsilon(1e-6));
  // -(u_b - u_a (u_a u_b)) / |v_a| / 2 positions: -(0.8 - 0.6 * 0.96) / 5 / 2.
  CHECK(e.gradient.f32()[0] == doctest::Approx(-(0.8 - 0.6 * 0.96) / 10.0).epsilon(1e-5));
  // Dead maps stay as they are.
  maps = zeros({2, 2, 1, 2});
  e = evaluate(*loss, maps, {0, 1}, p);
  CHECK(e.value == 0.0);
  for (const float v : e.gradient.f32()) CHECK(v == 0.0f);
  // Warm-up: nothing at first, half of it half-way through the five epochs.
  maps = tensor_of({2, 2, 1, 2}, std::vector<float>{3, 3, 4, 4, 6, 6, 8, 8});
  CHECK(evaluate(*loss, maps, {0, 1}, p, 0.0).value == 0.0);
  CHECK(evaluate(*loss, maps, {0, 1}, p, 2.5).value == doctest::Approx(0.35).epsilon(1e-6));
  const auto figures = loss->figures();
  REQUIRE(figures.size() == 2);  // no pair of one class
  CHECK(figures[0].first == "inter");
  CHECK(figures[0].second == doctest::Approx(1.0));
  CHECK(figures[1].second == doctest::Approx(7.5));  // lengths 5 and 10
}

TEST_CASE("losses: triplets of known distances") {
  Graph vectors({1, 2, 2, 2});
  vectors.add("maps", std::make_shared<Conv>(2, kernels::ConvGeometry{}, false));
  vectors.add("gap", std::make_shared<GlobalAveragePool>());
  vectors.add("fc", std::make_shared<Dense>(2));
  const Parameters p = Parameters::zeroed(vectors);
  const auto with_margin = [&](double margin, const char* mining) {
    return make_loss(spec_of("triplet", {{"margin", margin}, {"mining", std::string(mining)}}),
                     vectors, 3);
  };
  // Anchor and positive equal, the negative at squared distance 2 - 2 cos.
  const auto at_distance = [&](double d) {
    const double cosine = 1.0 - d / 2.0;
    const auto c = static_cast<float>(cosine),
               s = static_cast<float>(std::sqrt(1.0 - cosine * cosine));
    return two_by_two({1, 0, 1, 0, c, s}, 3, 2);
  };
  // margin .2: over by .15 at distance .05, none at .3; the lone negative has no positive and is no
  // anchor.
  Evaluated e = evaluate(*with_margin(0.2, "batch_hard"), at_distance(0.05), {0, 0, 1}, p);
  CHECK(e.value == doctest::Approx(0.15).epsilon(1e-4));
  e = evaluate(*with_margin(0.2, "batch_hard"), at_distance(0.3), {0, 0, 1}, p);
  CHECK(e.value == 0.0);
  for (const float v : e.gradient.f32()) CHECK(v == 0.0f);
  // Semi-hard: .05 > D_ap = 0 and < .2, so it is a triplet; at .3 there is none.
  e = evaluate(*with_margin(0.2, "semi_hard"), at_distance(0.05), {0, 0, 1}, p);
  CHECK(e.value == doctest::Approx(0.15).epsilon(1e-4));
  CHECK(evaluate(*with_margin(0.2, "semi_hard"), at_distance(0.3), {0, 0, 1}, p).value == 0.0);
  // One class, or all different: no triplets.
  CHECK(evaluate(*with_margin(0.2, "batch_hard"), at_distance(0.05), {0, 0, 0}, p).value == 0.0);
  CHECK(evaluate(*with_margin(0.2, "semi_hard"), at_distance(0.05), {0, 1, 2}, p).value == 0.0);
}

TEST_CASE("losses: centres move towards their images and are part of the state") {
  const Graph g = pooled_graph(2, 1, 2, 3);
  const Parameters p = Parameters::zeroed(g);
  const LossPtr loss = make_loss(spec_of("centre", {{"layer", std::string("maps")}}), g, 3);
  const Tensor maps = tensor_of({2, 2, 1, 2}, std::vector<float>{2, 2, 4, 4, 4, 4, 0, 0});
  // From centres at 0: half the mean of 20 and 16.
  CHECK(evaluate(*loss, maps, {1, 1}, p).value == doctest::Approx(9.0));
  // c <- 0 + 0.5 * (sum of images) / (1 + 2) = (1, 2/3).
  const std::vector<NamedTensor> state = loss->state();
  REQUIRE(state.size() == 1);
  CHECK(state[0].tensor.f32()[0] == 0.0f);
  CHECK(state[0].tensor.f32()[2] == doctest::Approx(1.0));
  CHECK(state[0].tensor.f32()[3] == doctest::Approx(2.0 / 3.0));
  const LossPtr other = make_loss(spec_of("centre", {{"layer", std::string("maps")}}), g, 3);
  other->restore(state);
  CHECK(evaluate(*other, maps, {1, 1}, p).value == evaluate(*loss, maps, {1, 1}, p).value);
  CHECK_THROWS_AS(other->restore({}), Error);
}

TEST_CASE("losses: templates of the filter loss, and what fits them") {
  const Tensor t = FilterLoss::templates(3, 3, 0.5, 4.0);
  REQUIRE(t.shape().plane() == 10 * 9);
  // Around the middle (row 4): 1 there, 1 - 4/3 beside it, -1 at the corners (1 - 8/3 < -1), times
  // tau.
  const auto middle = t.f32().subspan(4 * 9, 9);
  CHECK(middle[4] == 0.5f);
  CHECK(middle[1] == doctest::Approx(0.5 * (1.0 - 4.0 / 3.0)));
  CHECK(middle[0] == -0.5f);
  for (const float v : t.f32().subspan(81, 9)) CHECK(v == -0.5f);
  const Graph g = pooled_graph(1, 3, 3, 2);
  const Parameters p = Parameters::zeroed(g);
  const auto loss_of = [&](const std::vector<float>& maps, const char* gradient) {
    const LossPtr loss =
        make_loss(spec_of("filter", {{"gradient", std::string(gradient)}, {"tau", 1.0}}), g, 3);
    return evaluate(*loss, tensor_of({2, 1, 3, 3}, maps), {0, 1}, p);
  };
  // Equal maps tell nothing of the template; a peak against nothing does.
  const std::vector<float> equal{0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0};
  CHECK(std::fabs(loss_of(equal, "exact").value) < 1e-9);
  std::vector<float> different = equal;
  different[13] = 0.5f;
  const Evaluated e = loss_of(different, "target");
  CHECK(e.value < -0.1);
  // Class 0 activates the filter most: its image fits the template around its peak better with a
  // greater peak and less around it, the other one fits "nothing" better with less everywhere.
  CHECK(e.gradient.f32()[4] < 0.0f);
  CHECK(e.gradient.f32()[0] > 0.0f);
  for (std::size_t i = 9; i < 18; ++i) CHECK(e.gradient.f32()[i] > 0.0f);
}

TEST_CASE("losses: the filter loss reads the maps before their masks") {
  Graph g({1, 4, 5, 5});
  const NodeId maps = g.add("maps", std::make_shared<Relu>());
  g.add("mask", std::make_shared<TemplateMask>(4.0));
  g.add("gap", std::make_shared<GlobalAveragePool>());
  const NodeId fc = g.add("fc", std::make_shared<Dense>(3));
  CHECK(make_loss(spec_of("filter"), g, fc)->reads() == std::vector<NodeId>{maps});
  CHECK(make_loss(spec_of("pull_push"), g, fc)->reads() == std::vector<NodeId>{maps + 1});
}

TEST_CASE("losses: the same bytes for any number of threads") {
  const Graph g = pooled_graph(8, 5, 5, 4);
  const Parameters p = Parameters::initialized(g, 3);
  const Tensor maps = random_maps({16, 8, 5, 5}, 6);
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 16; ++i) labels.push_back(i % 4);
  for (const LossKind& kind : loss_kinds()) {
    if (kind.kind == "cross_entropy") continue;
    const std::string name(kind.kind);
    CAPTURE(name);
    const Evaluated one = evaluate(*make_loss({name, 1.0f, {}}, g, 3), maps, labels, p, 9.0, 1);
    for (const int threads : {2, 3}) {
      const Evaluated e =
          evaluate(*make_loss({name, 1.0f, {}}, g, 3), maps, labels, p, 9.0, threads);
      CHECK(e.value == one.value);
      CHECK(std::memcmp(e.gradient.f32().data(), one.gradient.f32().data(), one.gradient.bytes()) ==
            0);
    }
  }
}

TEST_CASE("losses: lists of them, and errors") {
  const auto specs = parse_losses("cross_entropy,pull_push:0.1,filter:2e-3");
  REQUIRE(specs.size() == 3);
  CHECK(specs[0].weight == 1.0f);
  CHECK(specs[1].kind == "pull_push");
  CHECK(specs[1].weight == 0.1f);
  CHECK(specs[2].weight == 2e-3f);
  for (const char* bad : {"", "cross_entropy,", "cros_entropy", "triplet:", "triplet:x",
                          "triplet:-1", "triplet:nan", "triplet:1x"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS((void)parse_losses(bad), Error);
  }
  const Graph g = pooled_graph(2, 2, 2, 3);
  const auto kind_of = [&](const char* kind, Attributes settings) {
    try {
      (void)make_loss(spec_of(kind, std::move(settings)), g, 3);
    } catch (const Error& error) {
      return error.kind();
    }
    FAIL("accepted");
    return ErrorKind::kInternal;
  };
  CHECK(kind_of("nothing", {}) == ErrorKind::kUsage);
  CHECK(kind_of("triplet", {{"surprise", 1.0}}) == ErrorKind::kInput);
  CHECK(kind_of("triplet", {{"mining", std::string("easy")}}) == ErrorKind::kInput);
  CHECK(kind_of("triplet", {{"margin", -1.0}}) == ErrorKind::kInput);
  CHECK(kind_of("contrastive", {{"temperature", 0.0}}) == ErrorKind::kInput);
  CHECK(kind_of("pull_push", {{"features", std::string("fc7")}}) == ErrorKind::kInput);
  CHECK(kind_of("pull_push", {{"layer", std::string("nowhere")}}) == ErrorKind::kUsage);
  CHECK(kind_of("cross_entropy", {{"smoothing", 1.0}}) == ErrorKind::kInput);
  CHECK(kind_of("filter", {{"gradient", std::string("half")}}) == ErrorKind::kInput);
  // No pooled head: no class activation maps to mask with.
  Graph flat({1, 2, 3, 3});
  flat.add("maps", std::make_shared<Conv>(2, kernels::ConvGeometry{}));
  flat.add("flatten", std::make_shared<Flatten>());
  const NodeId fc = flat.add("fc", std::make_shared<Dense>(3));
  CHECK_NOTHROW((void)make_loss(spec_of("pull_push"), flat, fc));
  try {
    (void)make_loss(spec_of("pull_push", {{"masked", true}}), flat, fc);
    FAIL("masked without class activation maps");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUnsupported);
  }
}
