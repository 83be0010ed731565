// Regional passes give what whole passes give.

#include "layers/regional/regional_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "layers/regional/grouping.h"
#include "layers/tail.h"
#include "runtime/error.h"
#include "tests/layers/random_graph.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using cutaway::tests::random_tensor;

namespace {

kernels::ConvGeometry conv(std::int32_t k, std::int32_t s, std::int32_t p) {
  return {k, k, s, s, p, p, 1, 1, 1};
}
kernels::PoolGeometry pool(std::int32_t k, std::int32_t s, std::int32_t p) {
  return {k, k, s, s, p, p};
}

/// A stem with strides, overlapping pools in ceil mode and LRN, an inception block, a residual
/// block, a classifier.
Model varied_net(std::int64_t side) {
  Graph g({1, 3, side, side + 3});
  g.add("conv1", std::make_shared<Conv>(16, conv(7, 2, 3)));
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(pool(3, 2, 0), true));
  const NodeId norm =
      g.add("norm1", std::make_shared<Lrn>(kernels::LrnParameters{5, 1.0f, 0.75f, 1.0f}));
  g.add("a", std::make_shared<Conv>(16, conv(1, 1, 0)), {norm});
  const NodeId a = g.add("a/relu", std::make_shared<Relu>());
  g.add("b1", std::make_shared<Conv>(8, conv(1, 1, 0)), {norm});
  g.add("b2", std::make_shared<Conv>(17, conv(5, 1, 2)));
  const NodeId b = g.add("b/relu", std::make_shared<Relu>());
  g.add("c1", std::make_shared<MaxPool>(pool(3, 1, 1), false), {norm});
  const NodeId c = g.add("c2", std::make_shared<Conv>(16, conv(1, 1, 0)));
  const NodeId joined = g.add("concat", std::make_shared<Concat>(), {a, b, c});
  g.add("r1", std::make_shared<Conv>(49, conv(3, 1, 1)), {joined});
  g.add("r1/relu", std::make_shared<Relu>());
  const NodeId r = g.add("r2", std::make_shared<Conv>(49, conv(3, 1, 1)));
  g.add("sum", std::make_shared<Add>(), {joined, r});
  g.add("sum/relu", std::make_shared<Relu>());
  g.add("pool2", std::make_shared<MaxPool>(pool(2, 2, 0), false));
  g.add("last", std::make_shared<Conv>(24, conv(3, 2, 1)));
  g.add("last/relu", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(6));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 5);
  for (NodeId id = 1; id < m.graph.size(); ++id) {  // biases make borders differ from the middle
    if (m.parameters.of(id).size() < 2) continue;
    const Tensor noise = random_tensor(m.parameters.of(id)[1].shape(), static_cast<unsigned>(id));
    std::ranges::copy(noise.f32(), m.parameters.of(id)[1].f32().begin());
  }
  return m;
}

PlanRequest request_for(const Shape& input) {
  PlanRequest r;
  r.input = input;
  r.guard = true;
  r.engines.force = "conv:reference,gemm:reference";
  return r;
}

/// What a window of an image looks like with one region painted over.
void paint(const Tensor& image,
           const Region& region,
           std::int64_t row,
           std::int64_t column,
           View<float> out,
           std::int64_t n) {
  const Shape& s = image.shape();
  for (std::int64_t c = 0; c < s.c; ++c) {
    for (std::int64_t i = 0; i < out.shape.h; ++i) {
      for (std::int64_t j = 0; j < out.shape.w; ++j) {
        const std::int64_t h = row + i, w = column + j;
        const bool inside = h >= 0 && h < s.h && w >= 0 && w < s.w;
        const bool painted = h >= region.rows.first && h <= region.rows.last &&
                             w >= region.columns.first && w <= region.columns.last;
        out.at(n, c, i, j) = !inside ? 0.0f : painted ? -1.5f : image.ref().in().at(0, c, h, w);
      }
    }
  }
}

double worst(std::span<const float> got, std::span<const float> want) {
  REQUIRE(got.size() == want.size());
  double most = 1e-30, error = 0.0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    most = std::max(most, std::fabs(static_cast<double>(want[i])));
    error = std::max(error, std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
  }
  return error / most;
}

/// Largest error over `regions`, relative to the largest score.
double occlusion_error(const Model& m, const std::vector<Region>& regions) {
  Shape one = m.graph.node(0).shape;
  const Tensor image = random_tensor(one, 11);
  RegionalModel regional = RegionalModel::affected(m, regions, m.graph.last());
  PlanRequest full_request = request_for(one);
  full_request.taps = regional.sources();
  Executor full(m, full_request, CpuStream(1));
  full.set_input(image);
  full.forward();
  regional.bind(full);
  Shape window = regional.model().graph.node(0).shape;
  window.n = static_cast<std::int64_t>(regions.size());
  Executor sub(regional.model(), request_for(window), CpuStream(1));
  const auto places = regional.place(regions, sub.stream());
  Tensor patches = zeros(window);
  for (std::size_t i = 0; i < regions.size(); ++i) {
    paint(image, regions[i], places[i].input_row, places[i].input_column, patches.ref().out(),
          static_cast<std::int64_t>(i));
  }
  sub.set_input(patches);
  sub.forward();
  const Tensor got = sub.read(sub.output());
  Shape all = one;
  all.n = window.n;
  Executor reference(m, request_for(all), CpuStream(1));
  Tensor images = zeros(all);
  for (std::size_t i = 0; i < regions.size(); ++i) {
    paint(image, regions[i], 0, 0, images.ref().out(), static_cast<std::int64_t>(i));
  }
  reference.set_input(images);
  reference.forward();
  return worst(got.f32(), reference.read(reference.output()).f32());
}

std::vector<Region> squares(const Shape& s, std::int64_t size, std::int64_t stride) {
  std::vector<Region> all;
  for (std::int64_t i = 0; i + size <= s.h; i += stride) {
    for (std::int64_t j = 0; j + size <= s.w; j += stride) {
      all.push_back({{i, i + size - 1}, {j, j + size - 1}});
    }
  }
  return all;
}

}  // namespace

// The same sums in another order: planes of another size take other paths through the reference
// engine's blocks.
constexpr double kRounding = 2e-6;

TEST_CASE("regional: occluding a square changes what it changes in the whole network") {
  const Model m = varied_net(61);
  for (const std::int64_t size : {1, 5, 16, 40}) {
    CAPTURE(size);
    CHECK(occlusion_error(m, squares(m.graph.node(0).shape, size, 7)) < kRounding);
  }
  const RegionalModel small =
      RegionalModel::affected(m, squares(m.graph.node(0).shape, 5, 7), m.graph.last());
  CHECK(small.model().graph.macs() < m.graph.macs() / 2);
}

TEST_CASE("regional: random networks, random regions") {
  int supported = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    tests::RandomGraph random(seed);
    const Model m = random.model();
    const Shape s = m.graph.node(0).shape;
    std::vector<Region> regions;
    for (int k = 0; k < 5; ++k) {
      const std::int64_t h = random.pick({0, 1, 3, 6}), w = random.pick({0, 2, 5});
      regions.push_back({{h, std::min(s.h - 1, h + random.pick({0, 1, 4}))},
                         {w, std::min(s.w - 1, w + random.pick({0, 2, 3}))}});
    }
    double error = 0.0;
    try {
      error = occlusion_error(m, regions);
    } catch (const Error& refused) {  // several layers, or a pooling, at the input
      CHECK(refused.kind() == ErrorKind::kUnsupported);
      continue;
    }
    CHECK(error < kRounding);
    ++supported;
  }
  CHECK(supported >= 20);
}

TEST_CASE("regional: groups of regions waste little, and less the more there are") {
  const Model m = varied_net(64);
  const std::vector<Shape> shapes = m.graph.infer(m.graph.node(0).shape);
  const NodeId output = m.graph.size() - 1;
  std::vector<Region> squares;
  for (std::int64_t row = 0; row <= 54; row += 6) {
    for (std::int64_t column = 0; column <= 54; column += 6) {
      squares.push_back({{row, row + 9}, {column, column + 9}});
    }
  }
  const auto macs = [&](std::span<const Region> members) {
    return static_cast<double>(RegionalModel::affected(m, members, output).model().graph.macs() *
                               static_cast<std::int64_t>(members.size()));
  };
  double least = 0;
  for (const Region& square : squares) least += macs({&square, 1});
  double before = 2 * macs(squares);
  for (const std::int64_t parts : {1, 2, 4, 10}) {
    const auto groups = group_regions(m.graph, shapes, squares, output, parts);
    CHECK(static_cast<std::int64_t>(groups.size()) <= parts * parts);
    std::vector<int> seen(squares.size());
    double work = 0;
    for (const auto& group : groups) {
      std::vector<Region> members;
      for (const std::size_t i : group) {
        ++seen[i];
        members.push_back(squares[i]);
      }
      work += macs(members);
    }
    CHECK(std::ranges::count(seen, 1) == static_cast<std::ptrdiff_t>(squares.size()));
    INFO(parts, " parts: ", work, " multiply-adds, at least ", least);
    CHECK(work <= before);
    CHECK(work >= least);
    if (parts == 10) CHECK(work == least);  // a part for every row and every column
    before = work;
  }
}

TEST_CASE("regional: a unit's projection runs inside its receptive field") {
  const Model m = varied_net(93);
  const Shape one = m.graph.node(0).shape;
  const Tensor image = random_tensor(one, 12);
  for (const char* name : {"conv1", "pool1", "b/relu", "concat", "sum/relu", "last/relu"}) {
    CAPTURE(name);
    const NodeId node = m.graph.find(name);
    const Shape plane = m.graph.node(node).shape;
    std::vector<Region> units;
    for (const std::int64_t i : {std::int64_t{0}, plane.h / 2, plane.h - 1}) {
      for (const std::int64_t j : {std::int64_t{0}, plane.w / 3, plane.w - 1}) {
        units.push_back({{i, i}, {j, j}});
      }
    }
    RegionalModel regional = RegionalModel::needed(m, units, node);
    CHECK(regional.sources().empty());
    Shape window = regional.model().graph.node(0).shape;
    window.n = static_cast<std::int64_t>(units.size());
    PlanRequest r = request_for(window);
    r.backward.emplace_back();
    Executor sub(regional.model(), r, CpuStream(1));
    const auto places = regional.place(units, sub.stream());
    Tensor patches = zeros(window);
    for (std::size_t i = 0; i < units.size(); ++i) {
      paint(image, {}, places[i].input_row, places[i].input_column, patches.ref().out(),
            static_cast<std::int64_t>(i));
    }
    sub.set_input(patches);
    sub.forward();
    const Tensor values = sub.read(sub.output());
    std::vector<Executor::Unit> seeds;
    for (std::size_t i = 0; i < units.size(); ++i) {
      seeds.push_back({3, units[i].rows.first - places[i].output_row,
                       units[i].columns.first - places[i].output_column, 1.0f});
    }
    sub.seed_units(0, seeds);
    sub.backward();
    const Tensor patch_gradient = sub.read(sub.gradient(0, 0));

    PlanRequest whole = request_for(one);
    whole.output = node;
    whole.backward.emplace_back();
    Executor full(m, whole, CpuStream(1));
    full.set_input(image);
    full.forward();
    const Tensor expected = full.read(full.output());
    for (std::size_t i = 0; i < units.size(); ++i) {
      const Executor::Unit unit{3, units[i].rows.first, units[i].columns.first, 1.0f};
      const auto n = static_cast<std::int64_t>(i);
      CHECK(values.ref().in().at(n, 3, seeds[i].row, seeds[i].column) ==
            doctest::Approx(expected.ref().in().at(0, 3, unit.row, unit.column)).epsilon(1e-5));
      full.seed_units(0, {&unit, 1});
      full.backward();
      const Tensor want = full.read(full.gradient(0, 0));
      Tensor got = zeros(one);
      for (std::int64_t c = 0; c < one.c; ++c) {
        for (std::int64_t h = 0; h < window.h; ++h) {
          for (std::int64_t w = 0; w < window.w; ++w) {
            const std::int64_t y = places[i].input_row + h, x = places[i].input_column + w;
            if (y < 0 || x < 0 || y >= one.h || x >= one.w) continue;
            got.ref().out().at(0, c, y, x) = patch_gradient.ref().in().at(n, c, h, w);
          }
        }
      }
      CHECK(worst(got.f32(), want.f32()) < kRounding);
    }
  }
}

TEST_CASE(
    "tail: the layers above give what the whole network gives; shortcuts past it are refused") {
  const Model m = varied_net(61);
  const NodeId node = m.graph.find("concat");
  Tail tail = tail_of(m, node, m.graph.last());
  PlanRequest r = request_for(m.graph.node(0).shape);
  r.taps = {node};
  Executor full(m, r, CpuStream(1));
  full.set_input(random_tensor(m.graph.node(0).shape, 3));
  full.forward();
  Executor above(tail.model, request_for(m.graph.node(node).shape), CpuStream(1));
  above.set_input(full.read(full.value(node)));
  above.forward();
  CHECK(worst(above.read(above.output()).f32(), full.read(full.output()).f32()) < 1e-7);
  CHECK(tail.model.parameters.of(tail.nodes.back()).data() ==
        m.parameters.of(m.graph.last()).data());
  CHECK_THROWS_WITH_AS((void)tail_of(m, m.graph.find("b/relu"), m.graph.last()),
                       doctest::Contains("norm1"), Error);
}
