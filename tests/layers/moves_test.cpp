#include <doctest/doctest.h>

#include "layers/conv_transpose.h"
#include "layers/rearrange.h"
#include "layers/receptive_field.h"
#include "layers/resize.h"
#include "layers/slice.h"
#include "tests/layers/layer_cases.h"

using namespace cutaway;
using namespace cutaway::tests;

namespace {

LayerPtr shared(const Rearrange& r) { return std::make_shared<Rearrange>(r); }

Tensor applied(const LayerPtr& layer, const Shape& s, const std::vector<float>& x) {
  Graph g(s);
  g.add("layer", layer);
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  for (Tensor& t : m.parameters.of(1)) std::ranges::fill(t.f32(), 1.0F);
  Executor e(m, PlanRequest{}, CpuStream(1));
  e.set_input(tensor_of(s, x));
  e.forward();
  return e.read(e.output());
}

std::vector<float> values_of(const Tensor& t) { return {t.f32().begin(), t.f32().end()}; }

std::vector<float> counted(std::int64_t count) {
  std::vector<float> x(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  return x;
}

LayerCase resize_case(const ResizeLayer::Target& t,
                      kernels::Interpolation i,
                      ResizeLayer::Coordinates c,
                      std::int64_t channels = 5) {
  return {std::make_shared<ResizeLayer>(t, i, c), {{1, channels, 4, 5}}, true};
}

}  // namespace

TEST_CASE("layers: slice") {
  const auto slice = [](SliceRange c, SliceRange h, SliceRange w) {
    return std::make_shared<Slice>(c, h, w);
  };
  // Whole blocks, parts of blocks, across blocks, and every second.
  expect_good({slice({16, 16, 1}, {}, {}), {{1, 48, 3, 4}}, true});
  expect_good({slice({0, 17, 1}, {}, {}), {{1, 40, 3, 4}}, true});
  expect_good({slice({24, 0, 1}, {}, {}), {{1, 40, 3, 4}}, true});
  expect_good({slice({1, 3, 1}, {}, {}), {{1, 5, 3, 4}}, true});
  expect_good({slice({1, 0, 2}, {}, {}), {{1, 33, 3, 4}}, true});
  expect_good({slice({}, {1, 2, 1}, {0, 3, 1}), {{1, 17, 4, 4}}, true});
  expect_good({slice({}, {1, 0, 2}, {0, 0, 3}), {{1, 16, 6, 7}}, true});
}

TEST_CASE("layers: a slice by hand, its place in the image, and what it refuses") {
  const Slice s({1, 1, 1}, {1, 0, 2}, {2, 1, 1});
  CHECK(values_of(applied(std::make_shared<Slice>(s), {1, 2, 4, 3}, counted(24))) ==
        std::vector<float>{17, 23});
  CHECK(s.infer(std::vector<Shape>{{1, 2, 4, 3}}) == Shape{1, 1, 2, 1});
  // Row 1 of the slice is row 3 of the image.
  CHECK(input_region(s, {{1, 1}, {0, 0}}, {1, 2, 4, 3}) == Region{{3, 3}, {2, 2}});
  CHECK(output_region(s, {{2, 3}, {0, 2}}, {1, 2, 4, 3}, {1, 1, 2, 1}) == Region{{1, 1}, {0, 0}});
  CHECK(refusal_of(s, {{1, 1, 4, 3}}) == ErrorKind::kShape);
  CHECK(refusal_of(s, {{1, 2, 1, 3}}) == ErrorKind::kShape);
  CHECK(refusal_of(Slice({0, 4, 1}, {}, {}), {{1, 3, 1, 1}}) == ErrorKind::kShape);
  CHECK_THROWS_AS(Slice({-1, 1, 1}, {}, {}), Error);
  CHECK_THROWS_AS(Slice({0, 1, 0}, {}, {}), Error);
}

TEST_CASE("layers: rearrangements") {
  for (const std::int64_t c : {6, 18, 36}) {
    expect_good({shared(Rearrange::channel_shuffle(2)), {{1, c, 3, 4}}, true});
    expect_good({shared(Rearrange::channel_shuffle(3)), {{1, c, 3, 4}}, true});
    for (const bool column_first : {false, true}) {
      expect_good(
          {shared(Rearrange::depth_to_space(3, column_first)), {{1, 9 * c / 6, 2, 3}}, true});
      expect_good({shared(Rearrange::space_to_depth(2, column_first)), {{1, c, 4, 6}}, true});
    }
    for (const char* order : {"hwc", "whc", "cwh", "wch", "hcw"})
      expect_good({shared(Rearrange::transpose(order)), {{1, c, 3, 5}}, true});
    expect_good({shared(Rearrange::reshape(0, 2, 2)), {{1, c, 4, 2}}, true});
    expect_good({shared(Rearrange::reshape(3, 1, 0)), {{1, c, 3, 5}}, true});
  }
}

TEST_CASE("layers: rearrangements by hand") {
  // Two groups of three are interleaved.
  CHECK(values_of(applied(shared(Rearrange::channel_shuffle(2)), {1, 6, 1, 1}, counted(6))) ==
        std::vector<float>{0, 3, 1, 4, 2, 5});
  // ONNX's example of mode DCR has the block's place in front: channels 0, 2, 4, 6 make the first
  // map.
  const Tensor dcr = applied(shared(Rearrange::depth_to_space(2, false)), {1, 8, 1, 1}, counted(8));
  CHECK(dcr.shape() == Shape{1, 2, 2, 2});
  CHECK(values_of(dcr) == std::vector<float>{0, 2, 4, 6, 1, 3, 5, 7});
  CHECK(values_of(applied(shared(Rearrange::depth_to_space(2, true)), {1, 8, 1, 1}, counted(8))) ==
        counted(8));
  CHECK(values_of(applied(shared(Rearrange::space_to_depth(2, false)), {1, 1, 2, 4}, counted(8))) ==
        std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7});
  const Tensor t = applied(shared(Rearrange::transpose("wch")), {1, 2, 1, 3}, counted(6));
  CHECK(t.shape() == Shape{1, 3, 2, 1});
  CHECK(values_of(t) == std::vector<float>{0, 3, 1, 4, 2, 5});
}

TEST_CASE("layers: rearrangements refuse what does not divide") {
  CHECK(refusal_of(Rearrange::channel_shuffle(4), {{1, 6, 1, 1}}) == ErrorKind::kShape);
  CHECK(refusal_of(Rearrange::depth_to_space(2, false), {{1, 6, 1, 1}}) == ErrorKind::kShape);
  CHECK(refusal_of(Rearrange::space_to_depth(2, false), {{1, 1, 4, 3}}) == ErrorKind::kShape);
  CHECK(refusal_of(Rearrange::reshape(0, 2, 2), {{1, 3, 1, 2}}) == ErrorKind::kShape);
  CHECK_THROWS_AS((void)Rearrange::transpose("cch"), Error);
  CHECK_THROWS_AS((void)Rearrange::reshape(0, 0, 2), Error);
  CHECK_THROWS_AS((void)Rearrange::channel_shuffle(0), Error);
  CHECK_THROWS_AS((void)make_layer("rearrange", {{"kind", std::string("flip")}}), Error);
}

TEST_CASE("layers: resize by every rule of coordinates") {
  using Coordinates = ResizeLayer::Coordinates;
  using kernels::Interpolation;
  for (const Coordinates c :
       {Coordinates::kHalfPixel, Coordinates::kPytorchHalfPixel, Coordinates::kHalfPixelSymmetric,
        Coordinates::kAsymmetric, Coordinates::kAlignCorners}) {
    CAPTURE(static_cast<int>(c));
    expect_good(resize_case({2.0, 2.0, 0, 0}, Interpolation::kLinear, c, 17));
    expect_good(resize_case({0.0, 0.0, 7, 3}, Interpolation::kLinear, c));
    expect_good(resize_case({0.5, 1.7, 0, 0}, Interpolation::kLinear, c, 16));
    expect_good(resize_case({0.0, 0.0, 1, 9}, Interpolation::kLinear, c));
    for (const Interpolation i :
         {Interpolation::kNearestPreferFloor, Interpolation::kNearestPreferCeiling,
          Interpolation::kFloor, Interpolation::kCeiling}) {
      // Powers of two are exact in float32 as in the reference: halves stay halves.
      expect_good(resize_case({2.0, 0.5, 0, 0}, i, c));
      expect_good(resize_case({4.0, 1.0, 0, 0}, i, c, 17));
    }
  }
}

TEST_CASE("layers: resize by hand and what it refuses") {
  using Coordinates = ResizeLayer::Coordinates;
  using kernels::Interpolation;
  const Shape s{1, 1, 1, 2};
  const auto of = [&](Interpolation i, Coordinates c) {
    return values_of(applied(
        std::make_shared<ResizeLayer>(ResizeLayer::Target{1.0, 2.0, 0, 0}, i, c), s, {0, 4}));
  };
  CHECK(of(Interpolation::kLinear, Coordinates::kHalfPixel) == std::vector<float>{0, 1, 3, 4});
  CHECK(of(Interpolation::kLinear, Coordinates::kAsymmetric) == std::vector<float>{0, 2, 4, 4});
  CHECK(of(Interpolation::kFloor, Coordinates::kAsymmetric) == std::vector<float>{0, 0, 4, 4});
  // Extents instead of a scale: in over out.
  const ResizeLayer::Target to_four{0.0, 0.0, 1, 4}, to_one{0.0, 0.0, 1, 1};
  CHECK(values_of(applied(
            std::make_shared<ResizeLayer>(to_four, Interpolation::kLinear, Coordinates::kHalfPixel),
            s, {0, 4})) == std::vector<float>{0, 1, 3, 4});
  CHECK(values_of(applied(
            std::make_shared<ResizeLayer>(to_one, Interpolation::kLinear, Coordinates::kHalfPixel),
            s, {0, 4})) == std::vector<float>{2});
  const std::vector<float> thirds = of(Interpolation::kLinear, Coordinates::kAlignCorners);
  CHECK(thirds[1] == doctest::Approx(4.0 / 3.0).epsilon(1e-6));
  CHECK(thirds[3] == 4.0F);
  CHECK(refusal_of(ResizeLayer({0.1, 1.0, 0, 0}, Interpolation::kLinear, Coordinates::kHalfPixel),
                   {{1, 1, 4, 4}}) == ErrorKind::kShape);
  CHECK_THROWS_AS(ResizeLayer({}, Interpolation::kLinear, Coordinates::kHalfPixel), Error);
  CHECK_THROWS_AS(
      ResizeLayer({std::nan(""), 1.0, 0, 0}, Interpolation::kLinear, Coordinates::kHalfPixel),
      Error);
  CHECK_THROWS_AS(
      (void)make_layer(
          "resize", {{"interpolation", std::string("cubic")}, {"scale_h", 2.0}, {"scale_w", 2.0}}),
      Error);
}

TEST_CASE("layers: conv_transpose") {
  const auto transposed = [](std::int64_t in, std::int64_t out, const kernels::ConvGeometry& g,
                             std::int64_t extra_h, std::int64_t extra_w, bool bias = true) {
    return LayerCase{
        std::make_shared<ConvTranspose>(out, g, extra_h, extra_w, bias), {{1, in, 4, 3}}, true};
  };
  for (const std::int64_t c : {1, 5, 16, 33})
    expect_good(transposed(c, 7, {2, 2, 2, 2, 0, 0, 1, 1, 1}, 0, 0));
  expect_good(transposed(4, 16, {3, 3, 2, 2, 1, 1, 1, 1, 1}, 1, 1));
  expect_good(transposed(17, 6, {4, 3, 2, 3, 1, 0, 1, 1, 1}, 0, 2, false));
  expect_good(transposed(6, 9, {3, 3, 1, 1, 1, 1, 1, 1, 3}, 0, 0));
  expect_good(transposed(3, 5, {3, 2, 1, 2, 0, 0, 2, 2, 1}, 0, 0));
}

TEST_CASE("layers: conv_transpose by hand, its counts, and what it refuses") {
  const kernels::ConvGeometry g{2, 2, 2, 2, 0, 0, 1, 1, 1};
  const auto layer = std::make_shared<ConvTranspose>(1, g, 0, 0);
  // Weights and bias of one: every value fills a block of four, plus one.
  const Tensor y = applied(layer, {1, 1, 1, 2}, {2, 5});
  CHECK(y.shape() == Shape{1, 1, 2, 4});
  CHECK(values_of(y) == std::vector<float>{3, 3, 6, 6, 3, 3, 6, 6});
  Graph net({1, 3, 5, 4});
  net.add("up", std::make_shared<ConvTranspose>(8, g, 0, 0));
  CHECK(net.parameter_count() == 3 * 8 * 4 + 8);
  CHECK(net.macs() == 3 * 5 * 4 * 8 * 4);
  // A package that says nothing of the kernel means one pixel.
  Graph pointwise({1, 3, 5, 4});
  pointwise.add("up", make_layer("conv_transpose", {{"channels", std::int64_t{2}}}));
  CHECK(pointwise.node(1).shape == Shape{1, 2, 5, 4});
  CHECK(pointwise.parameters(1)[0].shape.plane() == 1);
  CHECK_THROWS_AS(ConvTranspose(1, g, 2, 0), Error);
  CHECK_THROWS_AS(ConvTranspose(0, g, 0, 0), Error);
  CHECK(refusal_of(ConvTranspose(4, {1, 1, 1, 1, 0, 0, 1, 1, 2}, 0, 0), {{1, 3, 2, 2}}) ==
        ErrorKind::kShape);
  CHECK(refusal_of(ConvTranspose(4, {1, 1, 1, 1, 3, 3, 1, 1, 1}, 0, 0), {{1, 3, 2, 2}}) ==
        ErrorKind::kShape);
}
