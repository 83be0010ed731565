#include "explain/units/regional_projector.h"

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

TEST_CASE("a regional projection is the projection through the whole network") {
  Graph g({1, 3, 67, 58});
  const auto conv = [](std::int32_t k, std::int32_t s, std::int32_t p) {
    return kernels::ConvGeometry{k, k, s, s, p, p, 1, 1, 1};
  };
  g.add("conv1", std::make_shared<Conv>(16, conv(7, 2, 3)));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{3, 3, 2, 2, 0, 0}, true));
  g.add("norm1", std::make_shared<Lrn>(kernels::LrnParameters{5, 1.0f, 0.75f, 1.0f}));
  g.add("conv2", std::make_shared<Conv>(24, conv(3, 1, 1)));
  g.add("relu2", std::make_shared<Relu>());
  g.add("pool2", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(4));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 6);
  std::vector<Tensor> images;
  for (unsigned k = 0; k < 5; ++k) images.push_back(random_tensor({1, 3, 67, 58}, 30 + k));
  for (const char* name : {"relu2", "pool2"}) {
    for (const RuleSet& rules : {deconvnet_rules(), guided_rules(), gradient_rules()}) {
      CAPTURE(name);
      CAPTURE(rules.name());
      const NodeId layer = m.graph.find(name);
      const Shape plane = m.graph.node(layer).shape;
      RegionalProjector projector(m, layer, rules, {CpuStream(2), {}}, 2);
      std::vector<RegionalProjector::Job> jobs{{images[0].f32(), 3, 0, 0},
                                               {images[1].f32(), 5, plane.h - 1, plane.w - 1},
                                               {images[2].f32(), 0, plane.h / 2, 1},
                                               {images[3].f32(), 9, 2, plane.w - 2},
                                               {images[4].f32(), 23, plane.h / 2, plane.w / 2}};
      const auto got = projector.project(jobs);
      REQUIRE(got.size() == 5);
      PlanRequest r;
      r.output = layer;
      r.backward = {{rules, -1, {0}, false}};
      Executor full(m, r, CpuStream(1));
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        full.set_input(images[i]);
        full.forward();
        const float a =
            full.read(full.output()).ref().in().at(0, jobs[i].channel, jobs[i].row, jobs[i].column);
        const Executor::Unit unit{jobs[i].channel, jobs[i].row, jobs[i].column, a};
        full.seed_units(0, {&unit, 1});
        full.backward();
        const Tensor want = full.read(full.gradient(0, 0));
        CHECK(got[i].activation == doctest::Approx(a).epsilon(1e-5));
        double most = 1e-20, error = 0.0;
        for (std::int64_t c = 0; c < 3; ++c) {
          for (std::int64_t h = 0; h < 67; ++h) {
            for (std::int64_t w = 0; w < 58; ++w) {
              const Region& in = got[i].region;
              const bool inside = h >= in.rows.first && h <= in.rows.last &&
                                  w >= in.columns.first && w <= in.columns.last;
              const auto at = static_cast<std::size_t>((c * in.rows.size() + h - in.rows.first) *
                                                           in.columns.size() +
                                                       w - in.columns.first);
              const double value = inside ? static_cast<double>(got[i].pixels[at]) : 0.0;
              const double expected = static_cast<double>(want.ref().in().at(0, c, h, w));
              most = std::max(most, std::fabs(expected));
              error = std::max(error, std::fabs(value - expected));
            }
          }
        }
        CHECK(error <= 1e-5 * most);
      }
      if (std::string(name) == "relu2") CHECK(projector.work() < 0.3);
      jobs[0].row = plane.h;
      CHECK_THROWS_AS((void)projector.project(jobs), Error);
    }
  }
}
