// Occlusion by regional passes: equal to whole passes, whatever the threads, the memory and the end
// of the network.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "explain/occlusion/occluder.h"
#include "explain/session.h"
#include "layers/flatten.h"
#include "runtime/error.h"
#include "tests/layers/gold1.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

using Floats = std::vector<float>;

kernels::ConvGeometry square(std::int32_t kernel, std::int32_t stride, std::int32_t pad) {
  return {kernel, kernel, stride, stride, pad, pad, 1, 1, 1};
}

enum class End { kPooled, kFlattened, kConvolution };

/// Two convolutions with a pooling between them, and 5 class scores.
Model net(End end) {
  Graph g({1, 3, 40, 44});
  g.add("conv1", std::make_shared<Conv>(16, square(3, 1, 1)));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("conv2", std::make_shared<Conv>(end == End::kConvolution ? 5 : 32, square(3, 1, 1)));
  g.add("relu2", std::make_shared<Relu>());
  if (end == End::kFlattened) {
    g.add("flat", std::make_shared<Flatten>());
    g.add("fc1", std::make_shared<Dense>(24));
    g.add("relu3", std::make_shared<Relu>());
  } else {
    g.add("gap", std::make_shared<GlobalAveragePool>());
  }
  if (end != End::kConvolution) g.add("fc", std::make_shared<Dense>(5));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 2);
  return m;
}

/// Scores of every region, one after the other.
Floats scores_of(Occluder& occluder, const Tensor& x) {
  Floats all;
  std::int64_t expected = 0;
  occluder.run(x.f32(), Floats{0.5f, 0, -0.25f},
               [&](std::int64_t region, std::span<const float> scores) {
                 CHECK(region == expected++);
                 all.insert(all.end(), scores.begin(), scores.end());
               });
  return all;
}

}  // namespace

TEST_CASE("occlusion: regional and full passes agree, for every kind of end") {
  const Tensor x = random_tensor({1, 3, 40, 44}, 6);
  for (const End end : {End::kPooled, End::kFlattened, End::kConvolution}) {
    CAPTURE(static_cast<int>(end));
    const Model m = net(end);
    const std::vector<Region> regions = window_grid(m.graph.node(0).shape, 8, 3);
    REQUIRE(regions.size() > 130);
    Occluder regional(m, m.graph.last(), {CpuStream(2), {}}, regions, Occluder::Passes::kRegional);
    Occluder full(m, m.graph.last(), {CpuStream(2), {}}, regions, Occluder::Passes::kFull);
    CHECK(regional.regional());
    CHECK_FALSE(full.regional());
    CHECK(regional.work() < 0.3);
    const Floats some = scores_of(regional, x), all = scores_of(full, x);
    REQUIRE(some.size() == all.size());
    REQUIRE(all.size() == regions.size() * 5);
    float most = 0.0f, error = 0.0f;
    for (std::size_t i = 0; i < all.size(); ++i) {
      most = std::max(most, std::fabs(all[i]));
      error = std::max(error, std::fabs(some[i] - all[i]));
    }
    CHECK(error < 2e-6f * most);
    CHECK(scores_of(regional, x) == some);  // again: nothing is left over from the first image
  }
}

TEST_CASE("occlusion: the same bytes for any number of threads, and for little memory") {
  const Tensor x = random_tensor({1, 3, 40, 44}, 7);
  const Model m = net(End::kFlattened);
  const std::vector<Region> regions = window_grid(m.graph.node(0).shape, 8, 3);
  Occluder one(m, m.graph.last(), {CpuStream(1), {}}, regions);
  const Floats want = scores_of(one, x);
  for (const int threads : {2, 3, 7}) {
    CAPTURE(threads);
    Occluder several(m, m.graph.last(), {CpuStream(threads), {}}, regions);
    CHECK(scores_of(several, x) == want);
  }
  // Features of 64 regions at a time.
  Occluder little(m, m.graph.last(), {CpuStream(2), {}, std::size_t{1} << 20}, regions);
  REQUIRE(little.regional());
  CHECK(scores_of(little, x) == want);
}

TEST_CASE("occlusion: the method says whether it was regional, and both ways give one map") {
  const Model m = net(End::kPooled);
  const Tensor x = random_tensor({1, 3, 40, 44}, 6);
  const auto map_of = [&](const char* passes) {
    const Attributes how{
        {"window", std::int64_t{8}}, {"stride", std::int64_t{3}}, {"passes", std::string(passes)}};
    std::vector<MethodPtr> methods;
    methods.push_back(make_method("occlusion", how));
    Session session(m, std::move(methods), x.shape(), CpuStream(2));
    (void)session.forward(x.clone());
    return std::move(session.explain({2}).at(0));
  };
  const Explanation regional = map_of("regional"), full = map_of("full");
  CHECK(regional.options.flag("regional", false));
  CHECK_FALSE(full.options.flag("regional", true));
  CHECK(regional.options.number("work", 1.0) < 0.2);
  double most = 0.0, error = 0.0;
  for (std::size_t i = 0; i < full.map.f32().size(); ++i) {
    most = std::max(most, std::fabs(static_cast<double>(full.map.f32()[i])));
    error =
        std::max(error, std::fabs(static_cast<double>(regional.map.f32()[i] - full.map.f32()[i])));
  }
  // Differences of scores near 1 in float32: their rounding, 1e-7, against changes of 1e-2.
  CHECK(error < 1e-4 * most);
}
