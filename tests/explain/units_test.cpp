#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "explain/rules/rules.h"
#include "explain/tensor_math.h"
#include "explain/units/project.h"
#include "explain/units/tile.h"
#include "explain/units/top_activations.h"
#include "layers/conv.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "runtime/error.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using cutaway::tests::random_tensor;

namespace {

kernels::ConvGeometry conv(std::int32_t kernel, std::int32_t stride, std::int32_t pad) {
  kernels::ConvGeometry g;
  g.kernel_h = g.kernel_w = kernel;
  g.stride_h = g.stride_w = stride;
  g.pad_h = g.pad_w = pad;
  return g;
}

/// 3 x 24 x 20: conv 3x3/2 pad 1, ReLU, pool 2, conv 3x3, ReLU. Field of relu2: 13, jump 4.
Model net() {
  Graph g({1, 3, 24, 20});
  g.add("conv1", std::make_shared<Conv>(7, conv(3, 2, 1)));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("conv2", std::make_shared<Conv>(5, conv(3, 1, 1)));
  g.add("relu2", std::make_shared<Relu>());
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 5);
  return m;
}

}  // namespace

TEST_CASE("top 9 of twenty one-pixel images through an identity convolution") {
  Graph g({1, 1, 3, 3});
  g.add("conv", std::make_shared<Conv>(1, conv(1, 1, 0)));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  m.parameters.of(1)[0].f32()[0] = 1.0f;
  PlanRequest request;
  request.input = {4, 1, 3, 3};
  Executor executor(m, request, CpuStream(1));
  TopActivations best(1, 9);
  for (std::int64_t first = 0; first < 20; first += 4) {
    Tensor x = zeros({4, 1, 3, 3});
    std::array<std::int64_t, 4> ids{};
    for (std::int64_t i = 0; i < 4; ++i) {
      ids[static_cast<std::size_t>(i)] = first + i + 1;
      // Several equal maxima an image: still one entry.
      for (const std::int64_t at : {4, 7})
        x.f32()[static_cast<std::size_t>(9 * i + at)] = static_cast<float>(first + i + 1);
    }
    executor.set_input(x);
    executor.forward();
    best.add(executor.read(executor.output()), ids);
  }
  const auto top = best.of(0);
  REQUIRE(top.size() == 9);
  for (std::size_t k = 0; k < 9; ++k) {
    CHECK(top[k].image == 20 - static_cast<std::int64_t>(k));
    CHECK(top[k].value == static_cast<float>(20 - k));
    CHECK((top[k].row == 1 && top[k].column == 1));  // the first of the two
  }
}

TEST_CASE("top activations: ties, NaN, any order of images and any split give one result") {
  const std::int64_t images = 40;
  Tensor maps = random_tensor({images, 6, 3, 4}, 8);
  for (float& v : maps.f32()) v = std::round(v * 3.0f);  // many ties
  for (std::size_t i = 0; i < 12; ++i)
    maps.f32()[i] = std::numeric_limits<float>::quiet_NaN();  // a whole plane
  maps.f32()[13] = std::numeric_limits<float>::quiet_NaN();
  const auto part = [&](std::int64_t first, std::int64_t count) {
    return tensor_of({count, 6, 3, 4}, maps.f32().subspan(static_cast<std::size_t>(first) * 72,
                                                          static_cast<std::size_t>(count) * 72));
  };
  std::vector<std::int64_t> ids(static_cast<std::size_t>(images));
  std::iota(ids.begin(), ids.end(), std::int64_t{0});
  TopActivations all(6, 9), backwards(6, 9), left(6, 9), right(6, 9);
  all.add(maps, ids);
  for (std::int64_t i = images - 1; i >= 0; --i) backwards.add(part(i, 1), std::array{i});
  left.add(part(0, 25), std::span(ids).first(25));
  right.add(part(25, 15), std::span(ids).subspan(25));
  right.merge(left);
  for (std::int64_t c = 0; c < 6; ++c) {
    // By sorting everything.
    std::vector<Activation> expected;
    for (std::int64_t n = 0; n < images; ++n) {
      Activation a{-std::numeric_limits<float>::infinity(), n, 0, 0};
      bool any = false;
      for (std::int64_t i = 0; i < 12; ++i) {
        const float v = maps.f32()[static_cast<std::size_t>((n * 6 + c) * 12 + i)];
        if (v > a.value) {
          a = {v, n, i / 4, i % 4};
          any = true;
        }
      }
      if (any) expected.push_back(a);
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [](const Activation& a, const Activation& b) { return a.value > b.value; });
    expected.resize(9);
    CHECK(std::ranges::equal(all.of(c), expected));
    CHECK(std::ranges::equal(backwards.of(c), expected));
    CHECK(std::ranges::equal(right.of(c), expected));
  }
  CHECK_THROWS_AS(all.add(zeros({1, 5, 3, 4}), std::array{std::int64_t{0}}), Error);
  CHECK_THROWS_AS((void)all.of(6), Error);
  CHECK_THROWS_AS(TopActivations(0, 9), Error);
}

TEST_CASE("frames: place and size of receptive fields, also over the border") {
  const Model m = net();
  const UnitFrame frame = unit_frame(m.graph, m.graph.find("relu2"), {1, 3, 24, 20});
  CHECK((frame.height == 13 && frame.width == 13));
  const FrameOrigin first = frame_origin(frame, 0, 0);
  const FrameOrigin later = frame_origin(frame, 2, 3);
  CHECK(later.row - first.row == 8);
  CHECK(later.column - first.column == 12);
  CHECK(first.row == -5);  // rows: pooled unit 0 sees -1..3, its neighbours 4 further
  const std::vector<float> image{0, 1, 2, 3, 4, 5};  // 1 x 2 x 3
  UnitFrame small;
  small.height = small.width = 2;
  small.image_height = 2;
  small.image_width = 3;
  CHECK(cut_frame(image, 1, small, {0, 1}) == std::vector<float>{1, 2, 4, 5});
  CHECK(cut_frame(image, 1, small, {-1, 2}, 9) == std::vector<float>{9, 9, 2, 9});
  CHECK(cut_frame(image, 1, small, {5, 5}, 9) == std::vector<float>(4, 9.0f));
  // A field larger than the image: the frame is the image.
  const UnitFrame whole = unit_frame(m.graph, m.graph.find("relu2"), {1, 3, 8, 20});
  CHECK(whole.height == 8);
  CHECK(frame_origin(whole, 1, 0).row == 0);
}

TEST_CASE("projections: what the deconvnet brings down, cut at the field, which loses nothing") {
  const Model m = net();
  const NodeId relu1 = m.graph.find("relu1"), relu2 = m.graph.find("relu2");
  const Shape shape{1, 3, 24, 20};
  const Tensor x = random_tensor(shape, 3);
  // Winograd leaves the rounding of its tiles beside the field; the reference leaves zeros.
  kernels::EngineOptions engines;
  engines.force = "conv:reference";
  for (const char* rules : {"deconvnet", "gradient", "guided"}) {
    UnitProjector projector(m, {relu1, relu2}, projection_rules(rules), shape, CpuStream(1),
                            engines);
    projector.set_image(x);
    PlanRequest request;
    request.input = shape;
    request.taps = {relu2};
    request.engines = engines;
    BackwardRequest pass;
    pass.rules = projection_rules(rules);
    pass.from = relu2;
    pass.to = {0};
    request.backward = {pass};
    Executor whole(m, request, CpuStream(1));
    whole.set_input(x);
    whole.forward();
    const Tensor maps = whole.read(whole.value(relu2));
    for (std::int64_t c = 0; c < 5; ++c) {
      const Peak p = peak(maps, 0, c);
      const std::array unit{Executor::Unit{c, p.row, p.column, p.value}};
      whole.seed_units(0, unit);
      whole.backward(0);
      const Tensor pixels = whole.read(whole.gradient(0, 0));
      const auto tiles = projector.project_units(1, unit);
      REQUIRE(tiles.size() == 1);
      const FrameOrigin o = frame_origin(projector.frame(1), p.row, p.column);
      CHECK(tiles[0] == cut_frame(pixels.f32(), 3, projector.frame(1), o));
      const auto energy = [](std::span<const float> v) {
        return std::accumulate(v.begin(), v.end(), 0.0, [](double s, float a) {
          return s + std::abs(static_cast<double>(a));
        });
      };
      // All of it is inside the frame: the field is where the projection can be.
      CHECK(energy(tiles[0]) == doctest::Approx(energy(pixels.f32())).epsilon(1e-12));
      // And the other layer is not disturbed.
      CHECK(projector.project_units(0, std::array{Executor::Unit{0, 3, 3, 1.0f}})[0].size() ==
            3 * 9);
      CHECK(projector.project_units(1, unit)[0] == tiles[0]);
    }
  }
  CHECK_THROWS_AS((void)projection_rules("backwards"), Error);
}

TEST_CASE("a first-layer unit projects to its filter, scaled, at i * 2 - 1") {
  Graph g({1, 2, 9, 9});
  g.add("conv", std::make_shared<Conv>(3, conv(3, 2, 1)));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 2);
  UnitProjector projector(m, {1}, deconvnet_rules(), {1, 2, 9, 9}, CpuStream(1));
  projector.set_image(random_tensor({1, 2, 9, 9}, 1));
  const auto filters = m.parameters.of(1)[0].f32();
  const auto tile = projector.project_units(0, std::array{Executor::Unit{1, 2, 3, 2.5f}})[0];
  REQUIRE(tile.size() == 18);
  for (std::size_t i = 0; i < 18; ++i)
    CHECK(tile[i] == doctest::Approx(2.5f * filters[18 + i]).epsilon(1e-6));
  CHECK(frame_origin(projector.frame(0), 2, 3).row == 3);
  CHECK(frame_origin(projector.frame(0), 2, 3).column == 5);
}
