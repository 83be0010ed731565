// The paper's experiments: occlusion panels, correspondence, invariance (Zeiler & Fergus 2013).

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/study/correspondence_study.h"
#include "explain/study/invariance.h"
#include "explain/study/occlusion_study.h"
#include "layers/flatten.h"
#include "layers/lrn.h"
#include "runtime/error.h"
#include "tests/layers/gold1.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;
using Floats = std::vector<float>;

namespace {

Evaluator::Resources one_thread() { return {CpuStream(1), {}, std::size_t{1} << 28}; }

kernels::ConvGeometry conv(std::int32_t kernel, std::int32_t stride, std::int32_t pad) {
  return {kernel, kernel, stride, stride, pad, pad, 1, 1, 1};
}

/// 3 x 40 x 36: two convolutions with a pooling between, five classes from two dense layers.
Model deep_net() {
  Graph g({1, 3, 40, 36});
  g.add("conv1", std::make_shared<Conv>(8, conv(3, 1, 1)));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("conv2", std::make_shared<Conv>(12, conv(3, 1, 1)));
  g.add("relu2", std::make_shared<Relu>());
  g.add("pool2", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("flat", std::make_shared<Flatten>());
  g.add("fc6", std::make_shared<Dense>(10));
  g.add("relu6", std::make_shared<Relu>());
  g.add("fc7", std::make_shared<Dense>(5));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 7);
  return m;
}

double largest(std::span<const float> v) {
  double most = 0.0;
  for (const float x : v) most = std::max(most, std::fabs(static_cast<double>(x)));
  return most;
}

}  // namespace

TEST_CASE("GOLD-1: the occlusion panels (b), (d) and (e)") {
  const Model m = tests::gold1();
  const Tensor x = tests::gold1_input();
  for (const auto passes : {Occluder::Passes::kRegional, Occluder::Passes::kFull}) {
    OcclusionStudy study(m, m.graph.find("fc"), m.graph.find("relu2"),
                         occluder_grid({1, 1, 4, 4}, 2, 1), one_thread(), passes);
    CHECK(study.occluder().regional() == (passes == Occluder::Passes::kRegional));
    const ClearView clear = study.look(x.f32());
    CHECK(clear.map == 1);
    CHECK(clear.activation == doctest::Approx(19));
    CHECK(clear.strongest.value == doctest::Approx(7));
    CHECK((clear.strongest.row == 0 && clear.strongest.column == 1));
    CHECK(clear.scores[1] == doctest::Approx(13.25));
    CHECK(study.look(x.f32(), StrongestBy::kSum).map == 1);
    const OcclusionPanels p = study.occlude(x.f32(), Floats{0}, clear.map, 1);
    const Floats b{15, 6, 6, 19, 8, 7, 13, 15, 16};
    // Exact but for the mean's division and a softmax: a few units in the last place of 19 and
    // of 1.
    for (std::size_t i = 0; i < 9; ++i)
      CHECK(p.activation[i] == doctest::Approx(b[i]).epsilon(1e-6));
    const Floats d{.999992f, .880797f, .437823f, 1.f,     .982014f,
                   .904651f, .999942f, .999983f, .999994f};
    for (std::size_t i = 0; i < 9; ++i)
      CHECK(std::fabs(p.probability[i] - d[i]) < 1e-6f);  // printed to six places
    CHECK(p.best == std::vector<std::int64_t>{1, 1, 0, 1, 1, 1, 1, 1, 1});
  }
}

TEST_CASE("an identity net of ones, an occluder of 3 x 3: 6 x 6 positions, all 55") {
  Graph g({1, 1, 8, 8});
  g.add("conv", std::make_shared<Conv>(1, conv(1, 1, 0)));
  g.add("relu", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  m.parameters.of(1)[0].f32()[0] = 1.0f;
  const Floats ones(64, 1.0f);
  OcclusionStudy study(m, m.graph.find("gap"), m.graph.find("relu"),
                       occluder_grid({1, 1, 8, 8}, 3, 1), one_thread());
  CHECK(study.grid().rows == 6);
  CHECK(study.grid().columns == 6);
  const OcclusionPanels p = study.occlude(ones, Floats{0}, study.look(ones).map, 0);
  REQUIRE(p.activation.size() == 36);
  for (const float v : p.activation) CHECK(v == doctest::Approx(55.0f).epsilon(1e-6));
}

TEST_CASE("the strongest map by its greatest value is not that by its sum") {
  // Map 0 is x - 3 rectified, map 1 half of x: at one 8 among ones they reach 5 and 4, and sum up to
  // 5 and 35.5.
  Graph g({1, 1, 8, 8});
  g.add("conv", std::make_shared<Conv>(2, conv(1, 1, 0)));
  g.add("relu", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  std::ranges::copy(Floats{1.0f, 0.5f}, m.parameters.of(1)[0].f32().begin());
  std::ranges::copy(Floats{-3.0f, 0.0f}, m.parameters.of(1)[1].f32().begin());
  Floats x(64, 1.0f);
  x[20] = 8.0f;
  OcclusionStudy study(m, m.graph.find("gap"), m.graph.find("relu"),
                       occluder_grid({1, 1, 8, 8}, 3, 1), one_thread());
  const ClearView by_value = study.look(x), by_sum = study.look(x, StrongestBy::kSum);
  CHECK(by_value.map == 0);
  CHECK(by_value.activation == doctest::Approx(5.0));
  CHECK(by_sum.map == 1);
  CHECK(by_sum.activation == doctest::Approx(35.5));
  CHECK(by_sum.strongest.value == doctest::Approx(4.0));
}

TEST_CASE("occlusion grids: the paper's positions, and centred squares clipped at the borders") {
  const OccluderGrid paper = occluder_grid({1, 3, 224, 224}, 50, 6);
  CHECK((paper.rows == 30 && paper.columns == 30));
  CHECK(paper.squares.back() == Region{{174, 223}, {174, 223}});
  CHECK(paper.row_centers.front() == 24.5);
  const OccluderGrid centred = occluder_grid({1, 1, 9, 12}, 3, 4, true);
  CHECK((centred.rows == 3 && centred.columns == 3));
  CHECK(centred.row_centers == std::vector<double>{0, 4, 8});
  CHECK(centred.column_centers == std::vector<double>{1, 5, 9});
  CHECK(centred.squares.front() == Region{{0, 1}, {0, 2}});
  CHECK(centred.squares.back() == Region{{7, 8}, {8, 10}});
  CHECK_THROWS_AS((void)occluder_grid({1, 1, 9, 12}, 10, 1), Error);
  CHECK_THROWS_AS((void)occluder_grid({1, 1, 9, 12}, 3, 0), Error);
}

TEST_CASE("occlusion panels of regional passes are those of whole passes, at any layer") {
  const Model m = deep_net();
  const Shape shape = m.graph.node(0).shape;
  const Tensor x = random_tensor(shape, 4);
  const Floats fill{0.3f, -0.2f, 0.1f};
  for (const char* layer : {"relu1", "relu2", "pool2"}) {
    OcclusionStudy study(m, m.graph.last(), m.graph.find(layer), occluder_grid(shape, 9, 7),
                         one_thread(), Occluder::Passes::kRegional);
    const ClearView clear = study.look(x.f32());
    const OcclusionPanels p = study.occlude(x.f32(), fill, clear.map, 2);
    Features whole(m, {m.graph.find(layer), m.graph.last()}, one_thread());
    const auto plane = static_cast<std::size_t>(m.graph.node(m.graph.find(layer)).shape.plane());
    for (std::size_t i = 0; i < study.grid().squares.size(); ++i) {
      const auto values = whole.of(painted(x, study.grid().squares[i], fill));
      double sum = 0.0;
      for (const float v :
           values[0].f32().subspan(static_cast<std::size_t>(clear.map) * plane, plane))
        sum += static_cast<double>(v);
      // Two float32 passes over the same sums in another order.
      CHECK(std::fabs(static_cast<double>(p.activation[i]) - sum) <=
            1e-5 * std::max(1.0, clear.activation));
      CHECK(std::fabs(static_cast<double>(p.probability[i]) - probability(values[1].f32(), 2)) <
            1e-5);
    }
  }
  CHECK_THROWS_AS(OcclusionStudy(m, m.graph.last(), m.graph.find("fc6"), occluder_grid(shape, 9, 7),
                                 one_thread()),
                  Error);
}

TEST_CASE("layers of the studies: first, last, pooled") {
  const Model m = deep_net();
  const auto name = [&](NodeId id) { return m.graph.node(id).name; };
  CHECK(name(first_features(m.graph).node) == "pool1");
  CHECK(name(last_features(m.graph).node) == "relu6");
  CHECK(name(pooled_maps(m.graph, m.graph.find("relu2"))) == "pool2");
  CHECK_THROWS_AS((void)pooled_maps(m.graph, m.graph.find("pool2")), Error);
  const Model g = tests::gold1();
  CHECK(g.graph.node(last_features(g.graph).node).name == "gap");
}

TEST_CASE("painted rectangles, random places on the object, pooled draws") {
  const Tensor x = random_tensor({1, 2, 6, 5}, 3);
  const Tensor p = painted(x, {{-3, 1}, {4, 9}}, Floats{7, 8});
  for (std::int64_t i = 0; i < 6; ++i) {
    for (std::int64_t j = 0; j < 5; ++j) {
      const bool in = i <= 1 && j == 4;
      CHECK(p.ref().in().at(0, 0, i, j) == (in ? 7.0f : x.ref().in().at(0, 0, i, j)));
      CHECK(p.ref().in().at(0, 1, i, j) == (in ? 8.0f : x.ref().in().at(0, 1, i, j)));
    }
  }
  const Region object{{10, 39}, {20, 29}}, part{{0, 4}, {0, 9}};
  std::vector<std::int64_t> rows;
  for (std::uint64_t d = 0; d < 300; ++d) {
    const Region r = random_place(part, object, {1, 1, 64, 64}, 5, 1, d);
    CHECK(r.rows.size() == 5);
    CHECK(r.columns == Span{20, 29});
    CHECK((r.rows.first >= 10 && r.rows.last <= 39));
    CHECK(r == random_place(part, object, {1, 1, 64, 64}, 5, 1, d));
    rows.push_back(r.rows.first);
  }
  std::ranges::sort(rows);
  CHECK(rows.front() == 10);  // all of 26 places are met in 300 draws
  CHECK(rows.back() == 35);
  const Region large = random_place({{0, 49}, {0, 2}}, object, {1, 1, 64, 64}, 5, 1, 0);
  CHECK(large.rows == Span{10, 59});
  // The deviation over the pairs of both draws: values 0.1, 0.3 and 0.3, 0.5.
  const Correspondence both = pooled(std::vector<Correspondence>{{0.2, 0.1, 10}, {0.4, 0.1, 20}});
  CHECK(both.mean == doctest::Approx(0.3));
  CHECK(both.sum == doctest::Approx(15));
  CHECK(both.deviation == doctest::Approx(std::sqrt(0.02)));
}

TEST_CASE("correspondence of a network's features, by hand") {
  // conv 1x1 with weight 1: features are the pixels. Images are constant, so hiding a pixel of
  // image n changes exactly that feature, with the sign of the image.
  Graph g({1, 1, 2, 3});
  g.add("conv", std::make_shared<Conv>(1, conv(1, 1, 0)));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  m.parameters.of(1)[0].f32()[0] = 1.0f;
  Features features(m, {1}, one_thread());
  const auto image = [](float v, const Region& part) {
    CorrespondenceImage i{zeros({1, 1, 2, 3}), {{0, 1}, {0, 2}}, {part}};
    std::ranges::fill(i.input.f32(), v);
    return i;
  };
  const Region left{{0, 1}, {0, 0}}, all{{0, 1}, {0, 2}};
  std::vector<CorrespondenceImage> same;
  for (int n = 0; n < 5; ++n) same.push_back(image(1.0f + static_cast<float>(n), left));
  CHECK(study_correspondence(features, same, Floats{0}, 0, 1).parts[0][0].mean == 0.0);
  // Four alike, one opposite, everything hidden: .4, and 8 D with D = 6.
  std::vector<CorrespondenceImage> one;
  for (int n = 0; n < 5; ++n) one.push_back(image(n == 4 ? -2.0f : 2.0f, all));
  const CorrespondenceTable t = study_correspondence(features, one, Floats{0}, 3, 1);
  CHECK(t.parts[0][0].mean == doctest::Approx(0.4));
  CHECK(t.parts[0][0].sum == doctest::Approx(8.0 * 6.0));
  CHECK(t.random[0].mean == doctest::Approx(0.4));  // "random" can only be everything
  CHECK(t.places.size() == 3);
  CHECK(t.places[2][4] == all);
  // A fifth image that hides another column differs in two columns of three: 8 of 20 pairs, 4 of 6
  // features.
  same.back().parts = {{{0, 1}, {2, 2}}};
  CHECK(study_correspondence(features, same, Floats{0}, 0, 1).parts[0][0].mean ==
        doctest::Approx(0.4 * 4.0 / 6.0));
  same.back().parts.clear();
  CHECK_THROWS_AS((void)study_correspondence(features, same, Floats{0}, 0, 1), Error);
}

TEST_CASE("warps bring pixels where they should, and fill the rest") {
  const Tensor x = tensor_of({1, 1, 3, 3}, Floats{1, 2, 3, 4, 5, 6, 7, 8, 9});
  const Floats fill{-1};
  const auto values = [&](const Motion& m) {
    const Tensor y = warp(x, m, fill);
    return Floats(y.f32().begin(), y.f32().end());
  };
  CHECK(values({}) == Floats{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(values({1, 1, 0}) == Floats{-1, -1, -1, 1, 2, 3, 4, 5, 6});
  CHECK(values({-0.5, 1, 0}) == Floats{2.5f, 3.5f, 4.5f, 5.5f, 6.5f, 7.5f, 3, 3.5f, 4});
  CHECK(values({0, 1, 90}) == Floats{3, 6, 9, 2, 5, 8, 1, 4, 7});  // counter-clockwise
  CHECK(values({0, 1, 360}) == Floats{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(values({0, 2, 0}) == Floats{3, 3.5f, 4, 4.5f, 5, 5.5f, 6, 6.5f, 7});
  // A magnification by a half leaves a border: its taps lie outside.
  CHECK(values({0, 0.5, 0})[4] == 5);
  CHECK(values({0, 0.5, 0})[0] == -1);
  CHECK_THROWS_AS((void)warp(x, {0, 0, 0}, fill), Error);
  // Turning by 37 and back by 37 degrees loses little of a smooth image away from the border.
  Tensor smooth = zeros({1, 2, 41, 41});
  for (std::int64_t i = 0; i < 41; ++i) {
    for (std::int64_t j = 0; j < 41; ++j)
      smooth.ref().out().at(0, 1, i, j) = static_cast<float>(
          std::sin(0.2 * static_cast<double>(i)) + 0.05 * static_cast<double>(j));
  }
  const Floats none{0, 0};
  const Tensor back = warp(warp(smooth, {0, 1, 37}, none), {0, 1, -37}, none);
  for (std::int64_t i = 12; i < 29; ++i) {
    for (std::int64_t j = 12; j < 29; ++j)
      CHECK(std::fabs(back.ref().in().at(0, 1, i, j) - smooth.ref().in().at(0, 1, i, j)) < 0.02f);
  }
}

TEST_CASE("distances of features and the class's probability under motion") {
  const Model m = deep_net();
  const Tensor x = random_tensor(m.graph.node(0).shape, 9);
  Features features(m, {m.graph.find("pool1"), m.graph.find("relu6"), m.graph.last()},
                    one_thread());
  const Floats fill{0, 0, 0};
  const std::vector<double> amounts{-3, 0, 5};
  const InvarianceCurve c = study_invariance(features, x, 1, Change::kShift, amounts, fill);
  REQUIRE(c.distances.size() == 2);
  const auto still = features.of(x);
  CHECK(c.distances[0][1] == 0.0);
  CHECK(c.distances[1][1] == 0.0);
  CHECK(c.probability[1] == doctest::Approx(probability(still[2].f32(), 1)));
  const auto moved = features.of(warp(x, {5, 1, 0}, fill));
  for (std::size_t l = 0; l < 2; ++l) {
    double sum = 0.0;
    for (std::size_t i = 0; i < moved[l].f32().size(); ++i)
      sum += std::pow(
          static_cast<double>(moved[l].f32()[i]) - static_cast<double>(still[l].f32()[i]), 2);
    CHECK(c.distances[l][2] == doctest::Approx(std::sqrt(sum)));
    CHECK(c.distances[l][2] > 0.1 * largest(still[l].f32()));
  }
  CHECK(c.probability[2] == doctest::Approx(probability(moved[2].f32(), 1)));
  CHECK(motion_of(Change::kScale, 1.5).scale == 1.5);
  CHECK(motion_of(Change::kRotation, 30).degrees == 30);
  CHECK(std::string(to_string(Change::kRotation)) == "rotation");
}
