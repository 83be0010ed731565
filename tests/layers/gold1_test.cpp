#include "tests/layers/gold1.h"

#include <doctest/doctest.h>

#include <vector>

#include "layers/executor.h"

using namespace cutaway;

namespace {

void expect(const Tensor& got, const std::vector<float>& want) {
  REQUIRE(got.f32().size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(got.f32()[i] == doctest::Approx(want[i]).epsilon(1e-6));
  }
}

}  // namespace

TEST_CASE("GOLD-1 forward: every layer") {
  const Model m = tests::gold1();
  PlanRequest r;
  for (NodeId id = 1; id < m.graph.size(); ++id) r.taps.push_back(id);
  r.guard = true;
  Executor e(m, r, CpuStream(1));
  e.set_input(tests::gold1_input());
  e.forward();
  const auto at = [&](const char* name) { return e.read(e.value(m.graph.find(name))); };
  expect(at("conv1"), {-3, -2, 1, 3,  -4, 0, 2,  3, -2, -1, -1, 4, -1, 2, -1, 1,
                       -1, -3, 5, -2, 3,  3, -5, 1, -3, 0,  4,  2, -1, 2, -1, -4});
  expect(at("pool1"), {0, 3, 2, 4, 3, 5, 2, 4});
  expect(at("conv2"), {-2, -1, 1, 1, 6, 7, 2, 4});
  expect(at("gap"), {.5f, 4.75f});
  expect(at("fc"), {-3.25f, 13.25f});
}

TEST_CASE("GOLD-1 gradient, with the ReLUs fused and in place") {
  const Model m = tests::gold1();
  PlanRequest r;
  r.backward.push_back({});
  r.guard = true;
  Executor e(m, r, CpuStream(2));
  e.set_input(tests::gold1_input());
  e.forward();
  const std::vector<std::vector<float>> want{
      {-.5f, -.5f, 1.25f, -.5f, 1, -.5f, -.5f, 0, .25f, -2, 2, -1, -.25f, 2, -2, 0},
      {1.5f, 1.5f, -3.75f, 1.5f, -3, 1.5f, 1.5f, 0, .5f, 3.5f, -3.5f, 1.75f, .75f, -3.5f, 3.5f, 0}};
  for (std::int64_t c : {0, 1, 0}) {  // again, to see that a pass can be repeated
    const Executor::Unit unit{c, 0, 0, 1.0f};
    e.seed_units(0, {&unit, 1});
    e.backward(0);
    expect(e.read(e.gradient(0, 0)), want[static_cast<std::size_t>(c)]);
  }
}
