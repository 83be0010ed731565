// The planner: memory that never overlaps, and results that do not depend on how it shares, fuses
// and slices.

#include "layers/plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>

#include "kernels/elementwise.h"
#include "layers/executor.h"
#include "layers/input.h"
#include "runtime/error.h"
#include "tests/layers/random_graph.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::tests;

namespace {

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::ranges::equal(a.f32(), b.f32());  // NaN is unequal
}

/// Bytes of two values that exist together must be apart; slices lie inside their wholes.
void check_memory(const Plan& plan) {
  const auto& values = plan.values();
  std::size_t overlapping = 0, outside = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Value& a = values[i];
    if (a.parent != kNoValue) {
      const Value& whole = values[static_cast<std::size_t>(a.parent)];
      const bool inside = a.channel_offset + a.spec.shape.c <= whole.spec.shape.c &&
                          whole.life.first <= a.life.first && a.life.last <= whole.life.last;
      outside += inside ? 0U : 1U;
      continue;
    }
    outside += a.offset % 64 == 0 && a.offset + a.life.bytes <= plan.arena_bytes() ? 0U : 1U;
    for (std::size_t j = 0; j < i; ++j) {
      const Value& b = values[j];
      if (b.parent != kNoValue || !overlap(a.life, b.life)) continue;
      const bool apart = a.offset + a.life.bytes <= b.offset || b.offset + b.life.bytes <= a.offset;
      overlapping += apart ? 0U : 1U;
    }
  }
  CHECK(overlapping == 0);
  CHECK(outside == 0);
  CHECK(plan.arena_bytes() >= plan.lower_bound());
}

/// Everything a plan can give: taps, output, gradients at `to`.
struct Results {
  std::vector<Tensor> all;
};

bool same(const Results& a, const Results& b) {
  if (a.all.size() != b.all.size()) return false;
  for (std::size_t i = 0; i < a.all.size(); ++i) {
    if (!same(a.all[i], b.all[i])) return false;
  }
  return true;
}

PlanRequest request_of(const Graph& g, std::vector<NodeId> to, std::int64_t batch = 2) {
  PlanRequest r;
  r.input = g.node(0).shape;
  r.input.n = batch;
  r.engines.force = "conv:reference,gemm:reference";
  BackwardRequest b;
  b.to = std::move(to);
  r.backward.push_back(b);
  return r;
}

Results run(const Model& m, const PlanRequest& r, int threads = 1) {
  Executor e(m, r, CpuStream(threads));
  check_memory(e.plan());
  e.set_input(random_tensor(r.input, 4));
  e.forward();
  Results results;
  results.all.push_back(e.read(e.output()));
  for (std::size_t k = 0; k < e.plan().backward_count(); ++k) {
    const Tensor dy = random_tensor(e.seed(k).shape(), 8);
    kernels::run(e.stream(), kernels::Reorder{dy.ref().in(), e.seed(k).out()});
    e.backward(k);
    for (const NodeId to : e.plan().request().backward[k].to)
      results.all.push_back(e.read(e.gradient(k, to)));
  }
  return results;
}

}  // namespace

TEST_CASE("memory plan: random lifetimes never share a byte, and the arena is small") {
  std::mt19937 random(1);
  const auto pick = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Lifetime> all;
    for (int i = pick(1, 40); i > 0; --i) {
      const int first = pick(0, 30);
      all.push_back(
          {static_cast<std::size_t>(pick(0, 5000)), first, first + pick(0, 6), pick(-1, 2)});
    }
    const std::size_t gap = trial % 2 == 0 ? 0 : 256;
    const MemoryPlan plan = plan_memory(all, gap);
    REQUIRE(plan.offsets.size() == all.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (plan.offsets[i] % 256 != 0 || plan.offsets[i] + all[i].bytes > plan.bytes) ++wrong;
      for (std::size_t j = 0; j < i; ++j) {
        if (!overlap(all[i], all[j]) || all[i].bytes == 0 || all[j].bytes == 0) continue;
        const bool apart = plan.offsets[i] + all[i].bytes + gap <= plan.offsets[j] ||
                           plan.offsets[j] + all[j].bytes + gap <= plan.offsets[i];
        wrong += apart ? 0U : 1U;
      }
    }
    CHECK(wrong == 0);
    CHECK(plan.bytes >= plan.lower_bound);
    CHECK(plan_memory(all, gap).offsets == plan.offsets);
  }
}

TEST_CASE("memory plan: what exists together") {
  CHECK(overlap({1, 0, 4, -1}, {1, 4, 9, -1}));
  CHECK_FALSE(overlap({1, 0, 3, -1}, {1, 4, 9, -1}));
  CHECK_FALSE(overlap({1, 0, 9, 0}, {1, 0, 9, 1}));  // passes that take turns
  CHECK(overlap({1, 0, 9, 0}, {1, 0, 9, 0}));
  CHECK(overlap({1, 0, 9, 0}, {1, 9, 9, -1}));
  // Two passes in turn beside one value: the larger of the two counts.
  const std::vector<Lifetime> turns{{256, 5, 9, -1}, {512, 5, 9, 0}, {1024, 5, 9, 1}};
  const MemoryPlan plan = plan_memory(turns);
  CHECK(plan.lower_bound == 1280);
  CHECK(plan.bytes == 1280);
}

TEST_CASE(
    "plan: random networks give the same bits however values are shared, sliced, kept and "
    "guarded") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    RandomGraph random(seed);
    const Model m = random.model();
    const NodeId inner = random.some();
    const auto shapes = m.graph.infer(m.graph.node(0).shape);
    PlanRequest r = request_of(m.graph, {0});
    const Results plain = run(m, r);
    r.guard = true;
    CHECK(same(run(m, r), plain));
    if (seed % 10 == 0) CHECK(same(run(m, r, 2), plain));
    for (NodeId id = 0; id < m.graph.size(); ++id) r.taps.push_back(id);
    const Results tapped = run(m, r);
    CHECK(same(tapped, plain));
    // A result on the way must not change what arrives further down.
    PlanRequest two = request_of(m.graph, {0});
    two.guard = true;
    two.backward[0].to = {inner, 0};
    bool above = true;
    try {
      const Results both = run(m, two);
      CHECK(same(both.all[2], plain.all[1]));
    } catch (const Error& error) {
      above = error.kind() != ErrorKind::kUsage;  // a dead end: the output does not depend on it
      CHECK_FALSE(above);
    }
  }
}

TEST_CASE("plan: tapped values are what an unplanned evaluation gives, node by node") {
  for (unsigned seed = 100; seed < 130; ++seed) {
    CAPTURE(seed);
    RandomGraph random(seed);
    const Model m = random.model();
    PlanRequest all = request_of(m.graph, {0});
    all.backward.clear();
    for (NodeId id = 0; id < m.graph.size(); ++id) all.taps.push_back(id);
    Executor everything(m, all, CpuStream(1));
    everything.set_input(random_tensor(all.input, 4));
    everything.forward();
    // Each node alone: as the output of a plan in which nothing else is kept.
    for (NodeId id = 1; id < m.graph.size(); ++id) {
      CAPTURE(m.graph.node(id).name);
      PlanRequest one = request_of(m.graph, {0});
      one.backward.clear();
      one.output = id;
      one.guard = true;
      Executor alone(m, one, CpuStream(1));
      alone.set_input(random_tensor(one.input, 4));
      alone.forward();
      CHECK(same(alone.read(alone.output()), everything.read(everything.value(id))));
      // And two at once: the other may not be spoilt by in-place work that the first allows.
      const NodeId other = random.some();
      one.taps = {other};
      Executor pair(m, one, CpuStream(1));
      pair.set_input(random_tensor(one.input, 4));
      pair.forward();
      CHECK(same(pair.read(pair.value(other)), everything.read(everything.value(other))));
    }
  }
}

namespace {

Graph start(std::int64_t channels) {
  Graph g({1, 3, 5, 6});
  g.add("a", std::make_shared<Conv>(channels, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("b", std::make_shared<Conv>(channels, kernels::ConvGeometry{}), {g.find("a")});
  return g;
}

}  // namespace

TEST_CASE("plan: a ReLU behind a concatenation does not overwrite parts that others read") {
  for (const std::int64_t channels : {16, 17}) {
    CAPTURE(channels);
    Graph g = start(channels);
    g.add("concat", std::make_shared<Concat>(), {g.find("a"), g.find("b")});
    g.add("relu", std::make_shared<Relu>());
    g.add("pick", std::make_shared<Conv>(channels, kernels::ConvGeometry{}));
    g.add("sum", std::make_shared<Add>(),
          {g.find("pick"), g.find("a")});  // reads `a` after the ReLU ran
    Model m(std::move(g));
    m.parameters = Parameters::initialized(m.graph, 2);
    PlanRequest r = request_of(m.graph, {0});
    const Results bare = run(m, r);
    r.taps = {m.graph.find("concat")};  // keeps the ReLU off
    CHECK(same(run(m, r), bare));
    r.taps = {m.graph.find("a")};
    CHECK(same(run(m, r), bare));
  }
}

TEST_CASE("plan: the same value concatenated twice") {
  for (const std::int64_t channels : {16, 5}) {
    Graph g = start(channels);
    g.add("concat", std::make_shared<Concat>(), {g.find("b"), g.find("b"), g.find("a")});
    Model m(std::move(g));
    m.parameters = Parameters::initialized(m.graph, 2);
    PlanRequest r = request_of(m.graph, {0});
    r.taps = {1, 2};
    Executor e(m, r, CpuStream(1));
    e.set_input(random_tensor(r.input, 3));
    e.forward();
    const Tensor y = e.read(e.output()), a = e.read(e.value(1)), b = e.read(e.value(2));
    const auto plane = static_cast<std::size_t>(channels * 30);
    for (std::size_t n = 0; n < 2; ++n) {
      const auto part = [&](std::size_t k) { return y.f32().subspan((3 * n + k) * plane, plane); };
      CHECK(std::ranges::equal(part(0), b.f32().subspan(n * plane, plane)));
      CHECK(std::ranges::equal(part(1), b.f32().subspan(n * plane, plane)));
      CHECK(std::ranges::equal(part(2), a.f32().subspan(n * plane, plane)));
    }
  }
}

TEST_CASE("plan: aligned concatenations copy nothing, ReLUs are fused, dropout vanishes") {
  Graph g = start(16);
  g.add("relu", std::make_shared<Relu>());
  g.add("drop", std::make_shared<Dropout>(0.5f));
  g.add("concat", std::make_shared<Concat>(), {g.find("a"), g.find("drop")});
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 2);
  PlanRequest r = request_of(m.graph, {0});
  const Plan plan = Plan::build(m.graph, r, kCpuDevice, 1);
  REQUIRE(plan.forward().size() == 3);  // a, b with its ReLU, concat
  CHECK(plan.forward()[1].relu);
  CHECK(plan.forward()[2].in == std::vector<ValueId>{kNoValue, kNoValue});
  const std::string report = plan.report(m.graph);
  CHECK(report.find("conv+relu") != std::string::npos);
  CHECK(report.find("gradient") != std::string::npos);
}

TEST_CASE("plan: switches are recorded only for backward passes that read them") {
  Graph g = start(16);
  g.add("pool", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  const Model m(std::move(g));
  PlanRequest r = request_of(m.graph, {0});
  const Plan with = Plan::build(m.graph, r, kCpuDevice, 1);
  REQUIRE_FALSE(r.backward.empty());
  r.backward.clear();
  const Plan without = Plan::build(m.graph, r, kCpuDevice, 1);
  CHECK(with.forward().back().aux != kNoValue);
  CHECK(without.forward().back().aux == kNoValue);
  CHECK(without.arena_bytes() < with.arena_bytes());
}

TEST_CASE("plan: the arena is within 1.3 of what must exist at once") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    const Model m = RandomGraph(seed).model();
    PlanRequest r = request_of(m.graph, {0});
    r.input.h = r.input.w = 9 + 8 * 3;
    if (std::ranges::any_of(m.graph.nodes(),
                            [](const Node& n) { return n.layer->kind() == LayerKind::kFlatten; })) {
      r.input = m.graph.node(0).shape;
      r.input.n = 16;
    }
    r.guard = false;
    const Plan plan = Plan::build(m.graph, r, kCpuDevice, 1);
    CHECK(plan.arena_bytes() >= plan.lower_bound());
    // Alignment to 256 bytes of some twenty values, and first fit decreasing.
    CHECK(static_cast<double>(plan.arena_bytes()) <=
          1.3 * static_cast<double>(plan.lower_bound()) + 64 * 256);
  }
}
