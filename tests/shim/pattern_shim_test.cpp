#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/shim/cuda_shim.h"
// The kernels need the words of the shim.
#include "kernels/cuda/pattern_edges.cuh"
#include "kernels/cuda/pattern_step.cuh"

// The explanatory graph's kernels for CUDA, run here: the same bits as those for the CPU of the
// level that this file is compiled for. (Others round products and sums in one step.)
namespace {

using namespace cutaway::kernels;
using cutaway::CpuStream;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class Draw {
 public:
  explicit Draw(std::uint32_t seed) : random_(seed) {}
  int operator()(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<std::uint32_t>(high - low + 1));
  }
  float real(float low, float high) {
    return low + (high - low) * static_cast<float>(random_() >> 8) * 0x1p-24f;
  }
  std::vector<float> reals(std::int64_t count, float low, float high) {
    std::vector<float> v(static_cast<std::size_t>(count));
    for (float& e : v) e = real(low, high);
    return v;
  }

 private:
  std::mt19937 random_;
};

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// Runs `check` in the plain order of threads and in several shuffled ones.
template <class F>
void in_all_orders(const F& check) {
  for (std::uint64_t order = 0; order < 3; ++order) {
    shim::set_order(order);
    CAPTURE(order);
    check();
  }
  shim::set_order(0);
}

struct StepResult {
  std::vector<float> h, w, peak, total;
  std::vector<double> sums, logs;
};

/// A pass with everything there is, sometimes without some of it.
struct StepCase {
  PatternStep k;
  std::int64_t images, filters, size, nodes, stride, count;
  std::vector<float> maps, mirrored, mu_h, mu_w, sigma, shift_h, shift_w, strength, noise;
  std::vector<std::uint16_t> halves, mirrored_halves;
  std::vector<std::uint8_t> mirror;
  std::vector<std::int32_t> radius, window;

  StepCase(Draw& draw, int nodes_, int images_, int widest) : images(images_), nodes(nodes_) {
    filters = draw(1, 3);
    size = draw(4, 15);
    stride = (images + 7) / 8 * 8;
    count = filters * nodes;
    const std::int64_t cells = images * filters * size * size;
    maps = draw.reals(cells, -1.0f, 1.0f);
    mirrored = draw.reals(cells, -0.5f, 1.0f);
    for (auto* m : {&maps, &mirrored}) {
      for (float& v : *m) v = v > 0 ? v : 0.0f;
    }
    // An empty map: nothing is found there.
    for (std::int64_t j = 0; j < size * size; ++j) maps[static_cast<std::size_t>(j)] = 0;
    const auto far = static_cast<float>(size);
    mu_h = draw.reals(count, -0.1f * far, 1.1f * far);
    mu_w = draw.reals(count, -0.1f * far, 1.1f * far);
    mu_h[0] = -1e9f;  // beyond any map
    sigma = draw.reals(count, 0.4f, 3.0f);
    for (std::int64_t n = 0; n < count; ++n) {
      radius.push_back(draw(1, widest));
      window.push_back(draw(0, 3) == 0 ? draw(1, widest) : radius.back());
    }
    shift_h = draw.reals(count * stride, -2, 2);
    shift_w = draw.reals(count * stride, -2, 2);
    strength = draw.reals(count * stride, 0, 1);
    noise = draw.reals(images, 0.0f, 0.02f);
    noise[0] = 0;
    k.maps.images = images;
    k.maps.filters = filters;
    k.maps.size = size;
    if (draw(0, 1) == 0) {
      halves.resize(maps.size());
      mirrored_halves.resize(maps.size());
      floats_to_halves(maps.data(), halves.data(), cells);
      floats_to_halves(mirrored.data(), mirrored_halves.data(), cells);
      k.maps.f16 = halves.data();
      k.maps.mirrored_f16 = mirrored_halves.data();
    } else {
      k.maps.f32 = maps.data();
      k.maps.mirrored_f32 = mirrored.data();
    }
    if (draw(0, 1) == 0) {
      for (std::int64_t i = 0; i < images; ++i)
        mirror.push_back(static_cast<std::uint8_t>(draw(0, 1)));
      mirror[0] = 0;
      k.maps.mirror = mirror.data();
    }
    k.nodes = nodes;
    k.stride = stride;
    k.mu_h = mu_h.data();
    k.mu_w = mu_w.data();
    k.sigma = sigma.data();
    k.radius = radius.data();
    k.window = window.data();
    k.widest = draw(0, 3) == 0 ? 0 : widest;
    k.kernel_width = 0.025f * static_cast<float>(draw(7, 28));
    if (draw(0, 2) > 0) {
      k.shift_h = shift_h.data();
      k.shift_w = shift_w.data();
      k.strength = strength.data();
    }
    k.rounded_kernel = draw(0, 3) == 0;
    k.first_candidate = draw(0, 3) == 0;
    k.mean_position = draw(0, 2) == 0;
  }

  template <class Run>
  StepResult run(bool sums, bool noisy, bool logs, const Run& launch) {
    StepResult r;
    for (auto* rows : {&r.h, &r.w, &r.peak, &r.total})
      rows->assign(static_cast<std::size_t>(count * stride), kNan);
    r.sums.assign(static_cast<std::size_t>(count * kPatternSums), 0.25);
    r.logs.assign(static_cast<std::size_t>(filters * 2), 0.0);
    std::vector<double> scratch(pattern_step_scratch(k.maps, nodes) / sizeof(double),
                                static_cast<double>(kNan));
    PatternStep step = k;
    step.position_h = r.h.data();
    step.position_w = r.w.data();
    step.peak = r.peak.data();
    step.total = r.total.data();
    step.sums = sums ? r.sums.data() : nullptr;
    step.noise = noisy ? noise.data() : nullptr;
    step.likelihood = logs ? r.logs.data() : nullptr;
    step.scratch = reinterpret_cast<std::byte*>(scratch.data());
    launch(step);
    return r;
  }
};

void run_on_shim(const PatternStep& k) {
  const PatternStepLaunch g = pattern_step_launch(k);
  REQUIRE(g.shared <= kPatternShared);
  launch_pattern_step(0, g);
  const std::int64_t sums = k.maps.filters * k.nodes * kPatternSums;
  if (k.sums != nullptr) {
    const SumPatternSlices sum{g.partial, g.slices, sums, k.sums, true};
    for (std::int64_t i = 0; i < sums; ++i) sum(i);
  }
  if (g.logs != nullptr) {
    const SumPatternSlices sum{g.logs, g.slices, 2 * k.maps.filters, k.likelihood, false};
    for (std::int64_t i = 0; i < 2 * k.maps.filters; ++i) sum(i);
  }
}

/// Returns how many nodes were found.
std::size_t compare_step(StepCase& c, bool sums, bool noisy, bool logs) {
  const StepResult expected = c.run(sums, noisy, logs, [](const PatternStep& k) {
    CpuStream cpu(2, cutaway::CpuLevel::kBaseline);
    run(cpu, k);
  });
  std::size_t found = 0;
  for (const float p : expected.peak) found += p > 0 ? 1 : 0;
  in_all_orders([&] {
    const StepResult got = c.run(sums, noisy, logs, run_on_shim);
    CHECK(same(got.h, expected.h));
    CHECK(same(got.w, expected.w));
    CHECK(same(got.peak, expected.peak));
    CHECK(same(got.total, expected.total));
    CHECK(same(got.sums, expected.sums));
    for (std::size_t j = 0; j < got.logs.size(); ++j)  // threads add in another order
      CHECK(got.logs[j] == doctest::Approx(expected.logs[j]).epsilon(1e-12));
  });
  return found;
}

}  // namespace

TEST_CASE("pattern shim: a pass gives the CPU's bits") {
  Draw draw(20);
  std::size_t found = 0;
  for (int trial = 0; trial < 24; ++trial) {
    CAPTURE(trial);
    StepCase c(draw, draw(1, 9), draw(1, 9), trial % 3 == 0 ? 4 : trial % 3 == 1 ? 8 : 11);
    const bool sums = draw(0, 4) > 0;
    const bool noisy = sums && draw(0, 4) > 0;
    found += compare_step(c, sums, noisy, noisy && draw(0, 1) == 0);
  }
  CHECK(found > 200);
}

TEST_CASE("pattern shim: more nodes than a block has lanes for, more images than a slice") {
  Draw draw(21);
  StepCase many_nodes(draw, 70, 2, 4);
  CHECK(compare_step(many_nodes, true, true, true) > 50);
  StepCase many_images(draw, 3, 70, 4);
  CHECK(compare_step(many_images, true, true, true) > 50);
}

TEST_CASE("pattern shim: a map that shared memory has no room for is read where it lies") {
  Draw draw(22);
  StepCase c(draw, 2, 2, 4);
  PatternStepLaunch small = pattern_step_launch(c.k);
  CHECK(small.staged);
  c.k.nodes = 768;  // 48 KiB of nodes
  CHECK_FALSE(pattern_step_launch(c.k).staged);
  CHECK(pattern_step_launch(c.k).shared <= kPatternShared);
  c.k.nodes = 769;
  CHECK(pattern_step_launch(c.k).shared > kPatternShared);
  c.k.nodes = 2;
  const StepResult expected = c.run(true, true, false, [](const PatternStep& k) {
    CpuStream cpu(1, cutaway::CpuLevel::kBaseline);
    run(cpu, k);
  });
  const StepResult got = c.run(true, true, false, [](const PatternStep& k) {
    PatternStepLaunch g = pattern_step_launch(k);
    g.staged = false;
    launch_pattern_step(0, g);
    const std::int64_t sums = k.maps.filters * k.nodes * kPatternSums;
    const SumPatternSlices sum{g.partial, g.slices, sums, k.sums, true};
    for (std::int64_t i = 0; i < sums; ++i) sum(i);
  });
  CHECK(same(got.peak, expected.peak));
  CHECK(same(got.sums, expected.sums));
}

TEST_CASE("pattern shim: predictions from parents give the CPU's bits") {
  Draw draw(23);
  for (int trial = 0; trial < 12; ++trial) {
    CAPTURE(trial);
    PatternPredict k;
    k.filters = draw(1, 4);
    k.nodes = draw(1, 6);
    k.images = draw(1, 20);
    k.stride = (k.images + 7) / 8 * 8;
    k.parents = draw(1, 6);
    k.penalty = draw(0, 2) == 0 ? 0.0f : 0.5f;
    const std::int64_t count = k.filters * k.nodes;
    const int above = draw(1, 9);
    std::vector<std::int32_t> edges;
    for (std::int64_t j = 0; j < count * k.parents; ++j) edges.push_back(draw(0, above - 1));
    const auto weight = draw.reals(count * k.parents, 0.05f, 1);
    const auto variance = draw.reals(count, 0.2f, 3);
    const auto log_scale = draw.reals(count, -3, 0);
    const auto h = draw.reals(above * k.stride, -4, 4);
    const auto w = draw.reals(above * k.stride, -4, 4);
    std::vector<double> mass;
    for (std::int64_t n = 0; n < count; ++n) mass.push_back(static_cast<double>(draw.real(0, 1)));
    k.edges = edges.data();
    k.weight = weight.data();
    k.variance = variance.data();
    k.log_scale = log_scale.data();
    k.mass = mass.data();
    k.parent_h = h.data();
    k.parent_w = w.data();
    const auto once = [&](const auto& launch) {
      std::vector<float> rows(static_cast<std::size_t>(3 * count * k.stride), kNan);
      std::vector<double> noise(static_cast<std::size_t>(k.filters * k.stride), -1.0);
      PatternPredict p = k;
      p.shift_h = rows.data();
      p.shift_w = rows.data() + count * k.stride;
      p.strength = rows.data() + 2 * count * k.stride;
      p.noise = noise.data();
      launch(p);
      return std::pair(rows, noise);
    };
    const auto expected = once([](const PatternPredict& p) {
      CpuStream cpu(2, cutaway::CpuLevel::kBaseline);
      run(cpu, p);
    });
    const auto got = once([](const PatternPredict& p) {
      const PatternPredictAt at{p};
      for (std::int64_t i = p.filters * p.stride; i-- > 0;) at(i);
    });
    CHECK(same(got.first, expected.first));
    CHECK(same(got.second, expected.second));
  }
}

TEST_CASE("pattern shim: affinities and the best parents are the CPU's") {
  Draw draw(24);
  for (int trial = 0; trial < 10; ++trial) {
    CAPTURE(trial);
    PatternAffinity k;
    const int nodes = draw(1, 40);
    k.first = draw(0, nodes - 1);
    k.last = draw(static_cast<int>(k.first) + 1, nodes);
    k.candidates = draw(1, 75);
    k.images = draw(1, 30);
    k.stride = (k.images + 7) / 8 * 8;
    k.scale = 8;
    const auto rows = [&](std::int64_t count, float low, float high) {
      std::vector<float> v = draw.reals(count * k.stride, low, high);
      for (std::int64_t n = 0; n < count; ++n) {
        for (std::int64_t i = k.images; i < k.stride; ++i)
          v[static_cast<std::size_t>(n * k.stride + i)] = 0;
      }
      return v;
    };
    const auto h = rows(nodes, 0, 14), w = rows(nodes, 0, 14), peak = rows(nodes, 0, 1);
    auto y_h = rows(k.candidates, -30, 30), y_w = rows(k.candidates, -30, 30);
    // Two candidates that move alike: a tie.
    for (std::int64_t i = 0; k.candidates > 2 && i < k.stride; ++i) {
      y_h[static_cast<std::size_t>(2 * k.stride + i)] = y_h[static_cast<std::size_t>(i)];
      y_w[static_cast<std::size_t>(2 * k.stride + i)] = y_w[static_cast<std::size_t>(i)];
    }
    const auto offset_h = draw.reals(nodes, 0, 112), offset_w = draw.reals(nodes, 0, 112);
    const auto bandwidth = draw.reals(nodes, 50, 900);
    k.position_h = h.data();
    k.position_w = w.data();
    k.peak = peak.data();
    k.offset_h = offset_h.data();
    k.offset_w = offset_w.data();
    k.y_h = y_h.data();
    k.y_w = y_w.data();
    k.bandwidth = bandwidth.data();
    k.accumulate = draw(0, 1) == 0;
    k.product = trial % 2 == 1;
    if (k.product) k.peak = k.bandwidth = nullptr;
    const std::int64_t own = k.last - k.first;
    // Some nodes do not move, nor does some candidate.
    auto squares = std::vector<double>(static_cast<std::size_t>(own), 3000.0);
    squares[0] = 0;
    std::vector<double> squares_above;
    for (std::int64_t m = 0; m < k.candidates; ++m)
      squares_above.push_back(m % 5 == 3 ? 0.0 : 1000.0 + 7.0 * static_cast<double>(m % 4));
    const double least = draw(0, 1) == 0 ? 0.0 : 0.2;
    std::vector<std::int32_t> above;
    for (std::int64_t m = 0; m < k.candidates; ++m)
      above.push_back(static_cast<std::int32_t>(1000 - 3 * m));
    const int parents = draw(1, static_cast<int>(std::min<std::int64_t>(k.candidates, 40)));
    const auto once = [&](const auto& affinity, const auto& best) {
      std::vector<double> out(static_cast<std::size_t>(own * k.candidates), 0.125);
      PatternAffinity a = k;
      a.out = out.data();
      affinity(a);
      const std::vector<double> kept = out;
      std::vector<std::int32_t> edges(static_cast<std::size_t>(own * parents), -1);
      best(PatternBest{own, k.candidates, parents, 1e-5, out.data(), above.data(), edges.data(),
                       k.product ? squares.data() : nullptr, squares_above.data(), least});
      return std::pair(kept, edges);
    };
    CpuStream cpu(2, cutaway::CpuLevel::kBaseline);
    const auto expected = once([&](const PatternAffinity& a) { run(cpu, a); },
                               [&](const PatternBest& b) { run(cpu, b); });
    in_all_orders([&] {
      const auto got = once([](const PatternAffinity& a) { launch_pattern_affinity(0, a); },
                            [](const PatternBest& b) { launch_pattern_best(0, b); });
      CHECK(same(got.first, expected.first));
      CHECK(got.second == expected.second);
    });
  }
}
