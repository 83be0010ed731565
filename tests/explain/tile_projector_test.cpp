// Tiles of units: inside their receptive fields, and through the whole network.

#include "explain/units/tile_projector.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/rules/rules.h"
#include "layers/lrn.h"
#include "runtime/error.h"
#include "tests/layers/gold1.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

kernels::ConvGeometry conv(std::int32_t k, std::int32_t s, std::int32_t p) {
  return {k, k, s, s, p, p, 1, 1, 1};
}

/// 3 x 91 x 78; units of relu1 see 7 pixels, of relu2 19, of relu3 most of the image.
Model net() {
  Graph g({1, 3, 91, 78});
  g.add("conv1", std::make_shared<Conv>(16, conv(7, 2, 3)));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 0, 0}, true));
  g.add("norm1", std::make_shared<Lrn>(kernels::LrnParameters{5, 1.0f, 0.75f, 1.0f}));
  g.add("conv2", std::make_shared<Conv>(24, conv(3, 1, 1)));
  g.add("relu2", std::make_shared<Relu>());
  g.add("conv3", std::make_shared<Conv>(9, conv(23, 1, 11)));
  g.add("relu3", std::make_shared<Relu>());
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 6);
  return m;
}

}  // namespace

TEST_CASE("tiles of regional passes are those of whole passes, at borders and for many images") {
  const Model m = net();
  const Shape shape = m.graph.node(0).shape;
  const std::vector<NodeId> layers{m.graph.find("relu1"), m.graph.find("relu2"),
                                   m.graph.find("relu3")};
  std::vector<Tensor> images;
  for (unsigned k = 0; k < 4; ++k) images.push_back(random_tensor(shape, 60 + k));
  for (const RuleSet& rules : {deconvnet_rules(), guided_rules(), gradient_rules()}) {
    CAPTURE(rules.name());
    const Evaluator::Resources resources{CpuStream(1), {}};
    TileProjector regional(m, layers, rules, shape, resources, TileProjector::Passes::kRegional);
    TileProjector whole(m, layers, rules, shape, resources, TileProjector::Passes::kWhole);
    TileProjector automatic(m, layers, rules, shape, resources);
    CHECK(automatic.regional(0));
    CHECK(automatic.regional(1));
    CHECK_FALSE(whole.regional(0));
    CHECK(automatic.batch(0) > 1);
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Shape plane = m.graph.node(layers[l]).shape;
      std::vector<TileProjector::Job> jobs;
      for (std::int64_t n = 0; n < 4; ++n) {
        const Tensor& image = images[static_cast<std::size_t>(n)];
        PlanRequest r;
        r.output = layers[l];
        Executor forward(m, r, CpuStream(1));
        forward.set_input(image);
        forward.forward();
        const Tensor maps = forward.read(forward.output());
        for (const auto& [row, column] : {std::pair<std::int64_t, std::int64_t>{0, 0},
                                          {plane.h - 1, plane.w / 2},
                                          {plane.h / 3, plane.w - 1},
                                          {plane.h / 2, plane.w / 2}}) {
          // The strongest map there: a unit that is nearly off is mostly rounding, and so is its
          // seed.
          const auto at = [&](std::int64_t c) { return maps.ref().in().at(0, c, row, column); };
          std::int64_t channel = 0;
          for (std::int64_t c = 1; c < plane.c; ++c) channel = at(c) > at(channel) ? c : channel;
          jobs.push_back({&image, n, {channel, row, column, at(channel)}});
        }
      }
      const auto want = whole.project(l, jobs), got = regional.project(l, jobs),
                 chosen = automatic.project(l, jobs);
      REQUIRE(got.size() == jobs.size());
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        CAPTURE(i);
        REQUIRE(got[i].size() == want[i].size());
        double most = 1e-20, error = 0.0, other = 0.0;
        for (std::size_t k = 0; k < want[i].size(); ++k) {
          most = std::max(most, std::fabs(static_cast<double>(want[i][k])));
          error = std::max(
              error, std::fabs(static_cast<double>(got[i][k]) - static_cast<double>(want[i][k])));
          other = std::max(other, std::fabs(static_cast<double>(chosen[i][k]) -
                                            static_cast<double>(want[i][k])));
        }
        // Float32 sums in another order, forward and backward.
        CHECK(error <= 2e-5 * most);
        CHECK(other <= 2e-5 * most);
      }
    }
  }
}

TEST_CASE("tiles: a network that cannot be restricted goes through as a whole") {
  Graph g({1, 1, 8, 8});
  g.add("pool", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("conv", std::make_shared<Conv>(3, conv(1, 1, 0)));
  g.add("relu", std::make_shared<Relu>());
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 2);
  const Evaluator::Resources resources{CpuStream(1), {}};
  const Shape shape{1, 1, 8, 8};
  CHECK_FALSE(TileProjector(m, {3}, deconvnet_rules(), shape, resources).regional(0));
  CHECK_THROWS_AS(
      TileProjector(m, {3}, deconvnet_rules(), shape, resources, TileProjector::Passes::kRegional),
      Error);
}

TEST_CASE(
    "tiles: another image under the number of the last one is not mistaken for it when numbers "
    "differ") {
  const Model m = tests::gold1();
  const Evaluator::Resources resources{CpuStream(1), {}};
  const NodeId relu2 = m.graph.find("relu2");
  TileProjector p(m, {relu2}, deconvnet_rules(), {1, 1, 4, 4}, resources,
                  TileProjector::Passes::kWhole);
  const Tensor x = tests::gold1_input();
  const Tensor none = zeros({1, 1, 4, 4});
  const TileProjector::Job first{&x, 0, {1, 0, 1, 7.0f}}, second{&none, 1, {1, 0, 1, 7.0f}};
  const auto a = p.project(0, {&first, 1}).front();
  (void)p.project(0, {&second, 1});
  CHECK(p.project(0, {&first, 1}).front() == a);
  // GOLD-1's projection of map 1: 0 14 -28 14 in its first row. The frame of the unit is 4 x 4 at
  // (-1, 1).
  const UnitFrame& frame = p.frame(0);
  const FrameOrigin o = frame_origin(frame, 0, 1);
  const auto at = [&](std::int64_t row, std::int64_t column) {
    return a[static_cast<std::size_t>((row - o.row) * frame.width + column - o.column)];
  };
  CHECK(at(0, 1) == doctest::Approx(14));
  CHECK(at(0, 2) == doctest::Approx(-28));
  CHECK(at(0, 3) == doctest::Approx(14));
  CHECK(at(1, 2) == doctest::Approx(14));
}
