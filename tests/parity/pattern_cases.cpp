#include <algorithm>

#include "kernels/pattern_graph.h"
#include "tests/parity/case.h"

// The explanatory graph: everything byte for byte, so that a graph learned on a GPU is the CPU's.
namespace parity {
namespace {

using namespace cutaway::kernels;
using cutaway::Stream;

std::vector<float> reals(Fixture& f, std::int64_t count, float low, float high) {
  std::vector<float> v(static_cast<std::size_t>(count));
  for (float& e : v) e = low + (high - low) * static_cast<float>(f.draw(0, 1 << 20)) * 0x1p-20f;
  return v;
}
std::vector<std::int32_t> whole(Fixture& f,
                                std::int64_t count,
                                std::int32_t low,
                                std::int32_t high) {
  std::vector<std::int32_t> v(static_cast<std::size_t>(count));
  for (std::int32_t& e : v) e = f.draw(low, high);
  return v;
}

PatternMaps maps(Fixture& f) {
  PatternMaps m;
  m.images = f.draw(1, 70);
  m.filters = f.draw(1, 6);
  m.size = f.draw(6, 28);
  const std::int64_t cells = m.images * m.filters * m.size * m.size;
  for (const bool mirrored : {false, true}) {
    std::vector<float> values = reals(f, cells, -1, 1);
    for (float& v : values) v = v > 0 ? v : 0.0f;
    std::vector<std::uint16_t> halves(values.size());
    floats_to_halves(values.data(), halves.data(), cells);
    (mirrored ? m.mirrored_f32 : m.f32) = f.variant() % 2 == 0 ? f.array(values) : nullptr;
    (mirrored ? m.mirrored_f16 : m.f16) = f.variant() % 2 == 1 ? f.array(halves) : nullptr;
  }
  std::vector<std::uint8_t> turned;
  for (std::int64_t i = 0; i < m.images; ++i)
    turned.push_back(static_cast<std::uint8_t>(f.draw(0, 1)));
  if (f.variant() % 3 == 0) m.mirror = f.array(turned);
  return m;
}

Launch step(Fixture& f, bool released) {
  PatternStep k;
  k.maps = maps(f);
  k.nodes = f.variant() == 8 ? 60 : f.draw(1, 40);
  k.stride = (k.maps.images + 7) / 8 * 8;
  const std::int64_t count = k.maps.filters * k.nodes;
  const auto side = static_cast<float>(k.maps.size);
  const std::int32_t widest = f.variant() % 3 == 2 ? 11 : f.variant() % 3 == 1 ? 7 : 4;
  const std::vector<std::int32_t> radius = whole(f, count, 1, widest);
  k.mu_h = f.array(reals(f, count, -2, side + 1));
  k.mu_w = f.array(reals(f, count, -2, side + 1));
  k.sigma = f.array(reals(f, count, 0.4f, 3));
  k.radius = k.window = f.array(radius);
  k.widest = widest;
  if (f.variant() % 2 == 0) {
    k.shift_h = f.array(reals(f, count * k.stride, -2, 2));
    k.shift_w = f.array(reals(f, count * k.stride, -2, 2));
    k.strength = f.array(reals(f, count * k.stride, 0, 1));
  }
  k.noise = f.array(reals(f, k.maps.images, 0, 0.02f));
  k.kernel_width = 0.025f * side;
  k.rounded_kernel = k.first_candidate = released;
  k.mean_position = !released && f.variant() % 2 == 1;
  const std::vector<float> zeros(static_cast<std::size_t>(count * k.stride));
  k.position_h = f.changing_array(zeros);
  k.position_w = f.changing_array(zeros);
  k.peak = f.changing_array(zeros);
  k.total = f.changing_array(zeros);
  k.sums =
      f.changing_array(std::vector<double>(static_cast<std::size_t>(count * kPatternSums), 0.5));
  k.scratch = f.scratch(pattern_step_scratch(k.maps, k.nodes));
  return [k](Stream& stream) { run(stream, k); };
}

Launch predict(Fixture& f) {
  PatternPredict k;
  k.filters = f.draw(1, 20);
  k.nodes = f.draw(1, 40);
  k.images = f.draw(1, 100);
  k.stride = (k.images + 7) / 8 * 8;
  k.parents = f.draw(1, 15);
  k.penalty = f.variant() % 3 == 0 ? 0.0f : 0.5f;
  const std::int64_t count = k.filters * k.nodes;
  const std::int32_t above = f.draw(1, 300);
  k.edges = f.array(whole(f, count * k.parents, 0, above - 1));
  k.weight = f.array(reals(f, count * k.parents, 0.05f, 1));
  k.variance = f.array(reals(f, count, 0.2f, 3));
  k.log_scale = f.array(reals(f, count, -3, 0));
  const std::vector<float> mass = reals(f, count, 0, 1);
  k.mass = f.array(std::vector<double>(mass.begin(), mass.end()));
  k.parent_h = f.array(reals(f, above * k.stride, -4, 4));
  k.parent_w = f.array(reals(f, above * k.stride, -4, 4));
  const std::vector<float> rows(static_cast<std::size_t>(count * k.stride), -1.0f);
  k.shift_h = f.changing_array(rows);
  k.shift_w = f.changing_array(rows);
  k.strength = f.changing_array(rows);
  k.noise =
      f.changing_array(std::vector<double>(static_cast<std::size_t>(k.filters * k.stride), -1.0));
  return [k](Stream& stream) { run(stream, k); };
}

Launch edges(Fixture& f) {
  PatternAffinity k;
  const std::int32_t nodes = f.draw(1, 300);
  k.first = f.draw(0, nodes - 1);
  k.last = nodes;
  k.candidates = f.draw(1, 600);
  k.images = f.draw(1, 100);
  k.stride = (k.images + 7) / 8 * 8;
  k.scale = 8;
  const auto rows = [&](std::int64_t count, float low, float high) {
    std::vector<float> v = reals(f, count * k.stride, low, high);
    for (std::int64_t n = 0; n < count; ++n) {
      for (std::int64_t i = k.images; i < k.stride; ++i)
        v[static_cast<std::size_t>(n * k.stride + i)] = 0;
    }
    return v;
  };
  k.position_h = f.array(rows(nodes, 0, 28));
  k.position_w = f.array(rows(nodes, 0, 28));
  k.peak = f.array(rows(nodes, 0, 1));
  k.offset_h = f.array(reals(f, nodes, 0, 224));
  k.offset_w = f.array(reals(f, nodes, 0, 224));
  k.y_h = f.array(rows(k.candidates, -30, 30));
  k.y_w = f.array(rows(k.candidates, -30, 30));
  k.bandwidth = f.array(reals(f, nodes, 50, 900));
  const std::int64_t own = k.last - k.first;
  k.out = f.changing_array(std::vector<double>(static_cast<std::size_t>(own * k.candidates), 0.25));
  k.accumulate = f.variant() % 2 == 1;
  k.product = f.variant() % 3 == 1;
  PatternBest best{own,
                   k.candidates,
                   f.draw(1, std::min<std::int32_t>(15, static_cast<std::int32_t>(k.candidates))),
                   1e-5,
                   k.out,
                   f.array(whole(f, k.candidates, 0, 9999)),
                   nullptr};
  if (k.product) {
    const auto squares = [&](std::int64_t count) {
      std::vector<double> v;
      for (const float x : reals(f, count, 1e3f, 1e5f)) v.push_back(static_cast<double>(x));
      return v;
    };
    best.own = f.array(squares(own));
    best.other = f.array(squares(k.candidates));
    best.least = 0.05;
  }
  best.edges =
      f.changing_array(std::vector<std::int32_t>(static_cast<std::size_t>(own * best.parents), -1));
  return [k, best](Stream& stream) {
    run(stream, k);
    run(stream, best);
  };
}

}  // namespace

void add_pattern(Cases& cases) {
  add(cases, "pattern", "step", kExact, [](Fixture& f) { return step(f, false); });
  add(cases, "pattern", "step, released", kExact, [](Fixture& f) { return step(f, true); });
  add(cases, "pattern", "predict", kExact, predict);
  add(cases, "pattern", "affinities and parents", kExact, edges);
}

}  // namespace parity
