#include "layers/receptive_field.h"

#include <doctest/doctest.h>

#include <cmath>

#include "layers/add.h"
#include "layers/average_pool.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/executor.h"
#include "layers/flatten.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "layers/pad.h"
#include "layers/relu.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;

namespace {

LayerPtr conv(std::int64_t channels,
              std::int32_t k,
              std::int32_t s = 1,
              std::int32_t p = 0,
              std::int32_t d = 1) {
  return std::make_shared<Conv>(channels, kernels::ConvGeometry{k, k, s, s, p, p, d, d, 1});
}
LayerPtr max_pool(std::int32_t k, std::int32_t s, std::int32_t p = 0, bool ceil = true) {
  return std::make_shared<MaxPool>(kernels::PoolGeometry{k, k, s, s, p, p}, ceil);
}

/// A field known beforehand, worked out from extents, strides and paddings.
struct Row {
  const char* node;
  double size, jump, center;
};

void expect(const Graph& g, const std::vector<Row>& table) {
  const auto fields = receptive_fields(g);
  for (const Row& row : table) {
    const std::string node = row.node;
    CAPTURE(node);
    const Fields& f = fields[static_cast<std::size_t>(g.find(row.node))];
    for (const Field& axis : {f.rows, f.columns}) {
      CHECK(axis.size == row.size);
      CHECK(axis.jump == row.jump);
      if (row.center >= 0) CHECK(axis.center == row.center);
    }
  }
}

/// The convolutions of AlexNet; `channels` as thin as one likes.
Graph alexnet(std::int64_t side, std::int32_t pad1, std::int64_t channels) {
  Graph g({1, 1, side, side});
  g.add("conv1", conv(channels, 11, 4, pad1));
  g.add("pool1", max_pool(3, 2));
  g.add("conv2", conv(channels, 5, 1, 2));
  g.add("pool2", max_pool(3, 2));
  for (const char* name : {"conv3", "conv4", "conv5"}) g.add(name, conv(channels, 3, 1, 1));
  g.add("pool5", max_pool(3, 2));
  return g;
}

}  // namespace

TEST_CASE("receptive fields of the published nets") {
  expect(alexnet(227, 0, 1), {{"conv1", 11, 4, 5},
                              {"pool1", 19, 8, 9},
                              {"conv2", 51, 8, 9},
                              {"pool2", 67, 16, 17},
                              {"conv3", 99, 16, 17},
                              {"conv4", 131, 16, 17},
                              {"conv5", 163, 16, 17},
                              {"pool5", 195, 32, 33}});
  expect(alexnet(224, 2, 1), {{"conv1", 11, 4, 3},
                              {"pool1", 19, 8, 7},
                              {"conv2", 51, 8, 7},
                              {"pool2", 67, 16, 15},
                              {"conv5", 163, 16, 15},
                              {"pool5", 195, 32, 31}});
  Graph zf({1, 3, 224, 224});
  zf.add("conv1", conv(1, 7, 2, 1));
  zf.add("pool1", max_pool(3, 2));
  zf.add("conv2", conv(1, 5, 2));
  zf.add("pool2", max_pool(3, 2));
  for (const char* name : {"conv3", "conv4", "conv5"}) zf.add(name, conv(1, 3, 1, 1));
  zf.add("pool5", max_pool(3, 2));
  CHECK(zf.node(zf.find("conv5")).shape == Shape{1, 1, 13, 13});
  expect(zf, {{"conv1", 7, 2, 2},
              {"pool1", 11, 4, 4},
              {"conv2", 27, 8, 12},
              {"pool2", 43, 16, 20},
              {"conv3", 75, 16, 20},
              {"conv4", 107, 16, 20},
              {"conv5", 139, 16, 20},
              {"pool5", 171, 32, 36}});
}

TEST_CASE("receptive fields: the networks of the zoo") {
  expect(weights::build_zoo("vgg16").graph, {{"conv1_2", 5, 1, 0},
                                             {"pool1", 6, 2, .5},
                                             {"conv2_2", 14, 2, .5},
                                             {"pool2", 16, 4, 1.5},
                                             {"conv3_3", 40, 4, 1.5},
                                             {"pool3", 44, 8, 3.5},
                                             {"conv4_3", 92, 8, 3.5},
                                             {"pool4", 100, 16, 7.5},
                                             {"conv5_3", 196, 16, 7.5},
                                             {"pool5", 212, 32, 15.5}});
  expect(weights::build_zoo("googlenet-caffe").graph, {{"pool2/3x3_s2", 27, 8, 6},
                                                       {"inception_3b/output", 91, 8, -1},
                                                       {"pool3/3x3_s2", 107, 16, 14},
                                                       {"inception_4e/output", 427, 16, -1},
                                                       {"inception_5b/output", 715, 32, 30}});
  const Graph alex = weights::build_zoo("alexnet-caffe").graph;
  expect(alex, {{"conv5", 163, 16, 17}, {"pool5", 195, 32, 33}});
}

TEST_CASE("receptive fields: a path through the image and back, clipped at every layer") {
  const Graph g = alexnet(227, 0, 1);
  const auto shapes = g.infer({1, 1, 227, 227});
  const NodeId conv5 = g.find("conv5");
  // The unit in the middle: 163 pixels around 17 + 6 * 16 = 113.
  const Region middle = region_below(g, shapes, conv5, {{6, 6}, {6, 6}});
  CHECK(middle == Region{{32, 194}, {32, 194}});
  CHECK(middle.rows.size() == 163);
  // In a corner the padding of every layer is cut off: rows 0 to 17 + 81.
  const Region corner = region_below(g, shapes, conv5, {{0, 0}, {12, 12}});
  CHECK(corner.rows == Span{0, 98});
  CHECK(corner.columns == Span{128, 226});
  CHECK(region_above(g, shapes, 0, {{113, 113}, {113, 113}}, conv5) == Region{{1, 11}, {1, 11}});
  CHECK(region_below(g, shapes, 0, {{0, 0}, {0, 0}}, conv5).empty());
  CHECK(region_below(g, shapes, conv5, {{3, 2}, {0, 0}}).empty());
}

namespace {

/// All weights positive, so that a change in one pixel, if large, is seen by every unit that can
/// see it.
void make_positive(Model& m) {
  m.parameters = Parameters::initialized(m.graph, 3);
  for (NodeId id = 0; id < m.graph.size(); ++id) {
    for (Tensor& t : m.parameters.of(id)) {
      for (float& v : t.f32()) v = 0.05f + std::fabs(v);
    }
  }
}

Graph crooked(std::int32_t dilation) {
  Graph g({1, 1, 19, 17});
  g.add("a", std::make_shared<Conv>(2, kernels::ConvGeometry{3, 5, 2, 1, 1, 2, 1, 1, 1}));
  g.add("b", max_pool(3, 2, 1));
  const NodeId wide = g.add("wide", conv(2, 3, 1, dilation, dilation), {g.find("b")});
  const NodeId thin = g.add("thin", conv(2, 1), {g.find("b")});
  g.add("sum", std::make_shared<Add>(), {wide, thin});
  g.add("reflect", std::make_shared<Pad>(2, 1, 1, 3, kernels::PadMode::kReflect));
  g.add("average",
        std::make_shared<AveragePool>(kernels::PoolGeometry{3, 2, 2, 2, 0, 1}, true, true));
  g.add("zero", std::make_shared<Pad>(1, 0, 2, 1, kernels::PadMode::kZero));
  g.add("edge", std::make_shared<Pad>(0, 2, 1, 3, kernels::PadMode::kEdge));
  g.add("c", conv(1, 2));
  const NodeId c = g.last();
  g.add("gap", std::make_shared<GlobalAveragePool>(), {c});
  g.add("flat", std::make_shared<Flatten>(), {c});
  return g;
}

/// Which units of `node` differ between images 0 and n, as the least rectangle around them.
Region changed(const Tensor& y, std::int64_t n) {
  Region all;
  const auto v = y.ref().in();
  for (std::int64_t c = 0; c < v.shape.c; ++c) {
    for (std::int64_t h = 0; h < v.shape.h; ++h) {
      for (std::int64_t w = 0; w < v.shape.w; ++w) {
        if (v.at(0, c, h, w) == v.at(n, c, h, w)) continue;
        if (all.empty()) all = {{h, h}, {w, w}};
        all.rows = {std::min(all.rows.first, h), std::max(all.rows.last, h)};
        all.columns = {std::min(all.columns.first, w), std::max(all.columns.last, w)};
      }
    }
  }
  return all;
}

/// Gaps (dilation) make the rectangle an upper bound; without them it is exact.
bool agrees(const Region& predicted, const Region& actual, bool exact) {
  if (exact || actual.empty()) return predicted == actual || (predicted.empty() && actual.empty());
  return predicted.rows.first <= actual.rows.first && predicted.rows.last >= actual.rows.last &&
         predicted.columns.first <= actual.columns.first &&
         predicted.columns.last >= actual.columns.last;
}

void perturb_every_pixel(std::int32_t dilation) {
  Model m(crooked(dilation));
  make_positive(m);
  const Graph& g = m.graph;
  const std::int64_t h = 19, w = 17, pixels = h * w;
  PlanRequest r;
  r.input = {pixels + 1, 1, h, w};  // image 0 as it is, image 1 + p with pixel p changed
  r.engines.force = "conv:reference";
  for (NodeId id = 1; id < g.size(); ++id) r.taps.push_back(id);
  Executor e(m, r, CpuStream(1));
  Tensor x = zeros(r.input);
  for (std::int64_t p = 0; p < pixels; ++p)
    x.f32()[static_cast<std::size_t>((1 + p) * pixels + p)] = 100.0f;
  e.set_input(x);
  e.forward();
  const auto shapes = g.infer({1, 1, h, w});
  for (NodeId id = 1; id < g.size(); ++id) {
    const Tensor y = e.read(e.value(id));
    const Shape& s = shapes[static_cast<std::size_t>(id)];
    CAPTURE(g.node(id).name);
    std::size_t wrong_up = 0, wrong_down = 0;
    // seen[unit]: the least rectangle around the pixels that change it.
    std::vector<Region> seen(static_cast<std::size_t>(s.plane()));
    for (std::int64_t p = 0; p < pixels; ++p) {
      const Region pixel{{p / w, p / w}, {p % w, p % w}};
      const Region predicted = region_above(g, shapes, 0, pixel, id), actual = changed(y, 1 + p);
      if (!agrees(predicted, actual, dilation == 1)) ++wrong_up;
      for (std::int64_t u = 0; u < s.plane(); ++u) {
        bool differs = false;
        for (std::int64_t c = 0; c < s.c; ++c) {
          const auto v = y.ref().in();
          differs = differs || v.at(0, c, u / s.w, u % s.w) != v.at(1 + p, c, u / s.w, u % s.w);
        }
        Region& all = seen[static_cast<std::size_t>(u)];
        if (!differs) continue;
        if (all.empty()) all = pixel;
        all.rows = {std::min(all.rows.first, p / w), std::max(all.rows.last, p / w)};
        all.columns = {std::min(all.columns.first, p % w), std::max(all.columns.last, p % w)};
      }
    }
    for (std::int64_t u = 0; u < s.plane(); ++u) {
      const Region predicted =
          region_below(g, shapes, id, {{u / s.w, u / s.w}, {u % s.w, u % s.w}});
      if (!agrees(predicted, seen[static_cast<std::size_t>(u)], dilation == 1)) ++wrong_down;
    }
    CHECK(wrong_up == 0);
    // A flattened unit is one place, but its region is that of all.
    if (g.node(id).name != "flat") CHECK(wrong_down == 0);
  }
}

}  // namespace

TEST_CASE(
    "receptive fields: perturbing every pixel of a crooked net reaches what the arithmetic says") {
  perturb_every_pixel(1);
  perturb_every_pixel(2);
}

TEST_CASE("the centre unit of AlexNet's conv5 sees 163 x 163 pixels, no more and no less") {
  Model m(alexnet(227, 0, 2));
  make_positive(m);
  const std::int64_t first = 32, last = 194, middle = 113;
  // Two pixels a probe: just inside and just outside each edge and two corners.
  struct Probe {
    std::int64_t row, column;
    bool inside;
  };
  const std::vector<Probe> probes{
      {middle, middle, true},     {first, middle, true},     {first - 1, middle, false},
      {last, middle, true},       {last + 1, middle, false}, {middle, first, true},
      {middle, first - 1, false}, {middle, last, true},      {middle, last + 1, false},
      {first, first, true},       {last, last, true},        {first - 1, first - 1, false}};
  PlanRequest r;
  const auto images = static_cast<std::int64_t>(probes.size()) + 1;
  r.input = {images, 1, 227, 227};
  r.output = m.graph.find("conv5");
  r.engines.force = "conv:reference";
  Executor e(m, r, CpuStream(1));
  Tensor x = zeros(r.input);
  for (std::size_t i = 0; i < probes.size(); ++i) {
    x.ref().out().at(static_cast<std::int64_t>(i) + 1, 0, probes[i].row, probes[i].column) = 1e4f;
  }
  e.set_input(x);
  e.forward();
  const Tensor y = e.read(e.output());
  for (std::size_t i = 0; i < probes.size(); ++i) {
    CAPTURE(i);
    const float moved =
        y.ref().in().at(static_cast<std::int64_t>(i) + 1, 0, 6, 6) - y.ref().in().at(0, 0, 6, 6);
    CHECK((moved != 0.0f) == probes[i].inside);
  }
}
