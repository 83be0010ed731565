#include "explain/evaluate/perturbation.h"

#include "explain/network.h"
#include "layers/flatten.h"
#include "runtime/error.h"
#include "tests/explain/compare_support.h"
#include "tests/explain/small_net.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tests;

namespace {

/// S = sum of weights times pixels.
Model linear_net(std::int64_t height, std::int64_t width, std::vector<float> weights) {
  Graph g({1, 1, height, width});
  g.add("flat", std::make_shared<Flatten>());
  g.add("fc", std::make_shared<Dense>(1));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(weights, m.parameters.of(m.graph.find("fc"))[0].f32().begin());
  return m;
}

Evaluator evaluator_of(const Model& m, int threads = 1) {
  return Evaluator(m, {0, logits_node(m.graph)}, {CpuStream(threads), {}});
}

/// The class's probability of one picture, in a pass of its own.
double probability_of(const Model& m, const Tensor& x, std::int64_t target) {
  PlanRequest plan;
  plan.input = x.shape();
  Executor e(m, plan, CpuStream(1));
  e.set_input(x);
  e.forward();
  const Tensor scores = e.read(e.output());
  double most = -1e30, sum = 0;
  for (const float s : scores.f32()) most = std::max(most, static_cast<double>(s));
  for (const float s : scores.f32()) sum += std::exp(static_cast<double>(s) - most);
  return std::exp(static_cast<double>(scores.f32()[static_cast<std::size_t>(target)]) - most) / sum;
}

}  // namespace

TEST_CASE("evaluate: RISE's blur is SciPy's") {
  const CompareBundle bundle;
  const auto kernel = blur_kernel();
  const auto golden = bundle.values("/blur/kernel");
  double sum = 0;
  for (std::size_t i = 0; i < 11; ++i) {
    sum += kernel[i];
    for (std::size_t j = 0; j < 11; ++j) {
      CHECK(std::fabs(kernel[i] * kernel[j] - static_cast<double>(golden[i * 11 + j])) < 1e-8);
    }
  }
  CHECK(close(sum, 1.0, 1e-12));
  CHECK(std::fabs(kernel[5] * kernel[5] - .0088326) < 5e-7);
  CHECK(std::fabs(kernel[0] - .087958) < 5e-7);
  const Tensor x = tensor_of({1, 3, 17, 24}, bundle.values("/blur/picture"));
  const auto want = bundle.values("/blur/blurred");
  const Tensor got = blurred(x);
  for (std::size_t i = 0; i < want.size(); ++i) REQUIRE(close(got.f32()[i], want[i], 1e-6));
}

TEST_CASE("evaluate: areas of known curves") {
  CHECK(close(curve_area(std::vector<double>{1, .5, 0}), 0.5, 1e-12));
  CHECK(close(curve_area(std::vector<double>{1, 1, 1, 1}), 1.0, 1e-12));
  CHECK_THROWS_AS((void)curve_area(std::vector<double>{1}), Error);
}

TEST_CASE("evaluate: pixel flipping of a sum of pixels") {
  // f = 0.4 a + 0.3 b + 0.2 c + 0.1 d on a picture of ones: by hand 0.375 and 0.625.
  const Model m = linear_net(2, 2, {.4f, .1f, .2f, .3f});
  Evaluator e = evaluator_of(m);
  const Tensor ones = tensor_of({1, 1, 2, 2}, std::vector<float>{1, 1, 1, 1});
  const std::vector<float> map{4, 1, 2, 3};
  CurveRequest best = deletion();
  best.step = 1;
  best.score = ScoreKind::kLogit;
  CurveRequest worst = best;
  worst.order = PixelOrder::kLeastImportantFirst;
  CurveRequest inserted = best;
  inserted.insertion = true;
  const std::vector<CurveTask> tasks{{map, best}, {map, worst}, {map, inserted}};
  const auto curves = perturbation_curves(e, ones, 0, tasks);
  REQUIRE(curves.size() == 3);
  CHECK(close(curves[0].area, 0.375, 1e-6));
  CHECK(close(curves[1].area, 0.625, 1e-6));
  CHECK(close(curves[2].area, 0.625, 1e-6));
  CHECK(close(curves[0].trapezoid, 0.375, 1e-6));
  CHECK(curves[0].fraction == std::vector<double>{0, .25, .5, .75, 1});
  const std::vector<double> want{1, .6, .3, .1, 0};
  for (std::size_t k = 0; k < 5; ++k) CHECK(close(curves[0].score[k], want[k], 1e-6));
  // With the order made anew the removed pixels are not chosen again.
  const Explainer explainer = [&](const Tensor& x, std::span<const std::int64_t>) {
    Tensor map_of = zeros({1, 1, 2, 2});
    for (std::size_t i = 0; i < 4; ++i) map_of.f32()[i] = x.f32()[i] == 0 ? 9.0f : map[i];
    return map_of;
  };
  const auto again = selectivity_recomputed(e, explainer, ones, 0, best);
  CHECK(close(again.area, 0.375, 1e-6));
  CHECK_THROWS_AS((void)selectivity_recomputed(e, explainer, ones, 0, inserted), Error);
}

TEST_CASE("evaluate: deletion and insertion equal a plain loop of single passes") {
  const Model m = small_net(5);
  const Tensor x = random_tensor({1, 3, 24, 24}, 3);
  std::vector<float> map(576);
  std::mt19937 engine(1);
  for (float& v : map) v = static_cast<float>(engine() % 50);  // with ties
  const std::int64_t target = 2;
  CurveRequest short_steps = deletion();
  short_steps.step = 100;  // the last step is a short one
  const std::vector<CurveTask> tasks{{map, deletion()}, {map, insertion()}, {map, short_steps}};
  Evaluator e = evaluator_of(m, 2);
  const auto curves = perturbation_curves(e, x, target, tasks);
  std::vector<std::size_t> order(576);
  for (std::size_t i = 0; i < 576; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return map[a] > map[b]; });
  for (std::size_t k = 0; k < tasks.size(); ++k) {
    CAPTURE(k);
    const std::size_t step = k == 2 ? 100 : 24;
    Tensor now = k == 1 ? blurred(x) : x.clone();
    const Tensor end = k == 1 ? x.clone() : zeros(x.shape());
    std::vector<double> scores{probability_of(m, now, target)};
    for (std::size_t at = 0; at < 576; at += step) {
      for (std::size_t p = at; p < std::min<std::size_t>(at + step, 576); ++p) {
        for (std::size_t c = 0; c < 3; ++c) {
          now.f32()[c * 576 + order[p]] = end.f32()[c * 576 + order[p]];
        }
      }
      scores.push_back(probability_of(m, now, target));
    }
    REQUIRE(scores.size() == curves[k].score.size());
    double sum = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      CHECK(close(curves[k].score[i], scores[i]));
      sum += scores[i];
    }
    const double area =
        (sum - scores.front() / 2 - scores.back() / 2) / static_cast<double>(scores.size() - 1);
    CHECK(close(curves[k].area, area));
  }
  CHECK(curves[2].fraction[5] == 500.0 / 576);
  CHECK(curves[2].fraction[6] == 1.0);
}

TEST_CASE("evaluate: patches, orders and fillings") {
  // 3 x 5 pixels in patches of 2: four of them are cut off at the border.
  std::vector<float> map(15, 0.0f);
  map[4] = 3;   // alone with pixel 9 in patch 2: mean 1.5
  map[10] = 4;  // with pixel 11 in patch 3: mean 2
  CurveRequest r = deletion();
  r.patch = 2;
  CHECK(change_order(map, 3, 5, r) == std::vector<std::int64_t>{3, 2, 0, 1, 4, 5});
  r.order = PixelOrder::kLeastImportantFirst;
  CHECK(change_order(map, 3, 5, r) == std::vector<std::int64_t>{0, 1, 4, 5, 2, 3});
  r.order = PixelOrder::kRandom;
  r.seed = 4;
  auto random = change_order(map, 3, 5, r);
  CHECK(random == change_order(map, 3, 5, r));
  std::ranges::sort(random);
  CHECK(random == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});
  map[0] = std::nanf("");
  r.order = PixelOrder::kMostImportantFirst;
  CHECK(change_order(map, 3, 5, r).back() == 0);
  CHECK_THROWS_AS((void)change_order(map, 3, 4, r), Error);

  const Tensor x = tensor_of({1, 2, 1, 3}, std::vector<float>{1, 2, 6, 0, 0, 3});
  CHECK(filled(x, {FillKind::kMean, {}}).f32()[0] == 3.0f);
  CHECK(filled(x, {FillKind::kMean, {}}).f32()[5] == 1.0f);
  CHECK(filled(x, {FillKind::kColor, {7, 8}}).f32()[3] == 8.0f);
  CHECK_THROWS_AS((void)filled(x, {FillKind::kColor, {7}}), Error);
  const Tensor shuffled = filled(random_tensor({1, 3, 9, 9}, 1), {FillKind::kShuffle, {}, 3});
  const Tensor picture = random_tensor({1, 3, 9, 9}, 1);
  std::vector<float> a(shuffled.f32().begin(), shuffled.f32().begin() + 81);
  std::vector<float> b(picture.f32().begin(), picture.f32().begin() + 81);
  CHECK(a != b);
  std::ranges::sort(a);
  std::ranges::sort(b);
  CHECK(a == b);
  for (const char* name : {"zero", "blur", "mean", "color", "shuffle"}) {
    CHECK(std::string(to_string(find_fill(name))) == name);
  }
  CHECK_THROWS_AS((void)find_fill("black"), Error);
}

TEST_CASE("evaluate: average drop and increase") {
  const Model m = small_net(5);
  const Tensor x = random_tensor({1, 3, 24, 24}, 3);
  std::vector<float> map(576), flat(576, 2.0f);
  for (std::size_t p = 0; p < 576; ++p) map[p] = static_cast<float>(p) - 100.0f;
  const std::vector<std::span<const float>> maps{map, flat};
  Evaluator e = evaluator_of(m);
  const auto scores = masked_scores(e, x, 1, maps);
  REQUIRE(scores.size() == 2);
  Tensor masked = x.clone();
  for (std::size_t i = 0; i < masked.f32().size(); ++i) {
    masked.f32()[i] *= static_cast<float>(i % 576) / 575.0f;
  }
  const double intact = probability_of(m, x, 1), kept = probability_of(m, masked, 1);
  CHECK(close(scores[0].intact, intact));
  CHECK(close(scores[0].masked, kept));
  CHECK(close(scores[0].drop(), 100 * std::max(0.0, intact - kept) / intact, 1e-4));
  CHECK(scores[0].increased() == (kept > intact));
  CHECK(
      close(scores[1].masked, probability_of(m, zeros(x.shape()), 1)));  // a constant map hides all
}

TEST_CASE("evaluate: curves of a picture do not depend on threads, and can be cancelled") {
  const Model m = small_net(5);
  const Tensor x = random_tensor({1, 3, 24, 24}, 3);
  const Tensor noise = random_tensor({1, 1, 24, 24}, 8);
  const std::vector<CurveTask> tasks{{noise.f32(), deletion()}, {noise.f32(), insertion()}};
  Evaluator one = evaluator_of(m, 1), three = evaluator_of(m, 3);
  const auto a = perturbation_curves(one, x, 0, tasks), b = perturbation_curves(three, x, 0, tasks);
  CHECK(a[0].score == b[0].score);
  CHECK(a[1].score == b[1].score);
  // Another picture in between changes nothing.
  (void)perturbation_curves(one, random_tensor({1, 3, 24, 24}, 4), 0, tasks);
  CHECK(perturbation_curves(one, x, 0, tasks)[1].score == a[1].score);
  struct Stop final : Observer {
    [[nodiscard]] bool cancelled() const noexcept override { return true; }
  } stop;
  CHECK_THROWS_AS((void)perturbation_curves(one, x, 0, tasks, stop), Cancelled);
  CHECK(perturbation_curves(one, x, 0, tasks)[0].score == a[0].score);
  CHECK_THROWS_AS((void)perturbation_curves(one, random_tensor({1, 3, 23, 24}, 4), 0, tasks),
                  Error);
}
