#include <doctest/doctest.h>

#include "kernels/conv.h"
#include "runtime/config.h"
#include "runtime/error.h"
#include "tests/kernels/conv_fixture.h"

using namespace conv_test;
using namespace cutaway::kernels;
using cutaway::Error;
using cutaway::ErrorKind;
using cutaway::kBlocked16;
using cutaway::kCpuDevice;
using cutaway::kPlain;

namespace {

constexpr ConvPass kPasses[] = {ConvPass::kForward, ConvPass::kBackwardData,
                                ConvPass::kBackwardWeights};

/// Calls f(n, o, c, u, v, index into y, index into x, index into w) for every multiply-add of the
/// layer.
template <class F>
void each_product(const Case& c, const F& f) {
  const Shape y = c.y();
  const std::int64_t in = c.x.c / c.g.groups, out = c.k / c.g.groups;
  for (std::int64_t n = 0; n < c.x.n; ++n)
    for (std::int64_t o = 0; o < c.k; ++o)
      for (std::int64_t i = 0; i < y.h; ++i)
        for (std::int64_t j = 0; j < y.w; ++j)
          for (std::int64_t q = 0; q < in; ++q)
            for (std::int64_t u = 0; u < c.g.kernel_h; ++u)
              for (std::int64_t v = 0; v < c.g.kernel_w; ++v) {
                const std::int64_t row = i * c.g.stride_h - c.g.pad_h + u * c.g.dilation_h;
                const std::int64_t column = j * c.g.stride_w - c.g.pad_w + v * c.g.dilation_w;
                if (row < 0 || row >= c.x.h || column < 0 || column >= c.x.w) continue;
                const std::int64_t channel = o / out * in + q;
                f(static_cast<std::size_t>(((n * c.k + o) * y.h + i) * y.w + j),
                  static_cast<std::size_t>(((n * c.x.c + channel) * c.x.h + row) * c.x.w + column),
                  static_cast<std::size_t>(((o * in + q) * c.g.kernel_h + u) * c.g.kernel_w + v));
              }
}

/// The definition, by scattering every product of the layer in double.
std::vector<double> naive(const Case& c, ConvPass pass, const Data& d) {
  const Shape y = c.y();
  if (pass == ConvPass::kForward) {
    std::vector<double> out(static_cast<std::size_t>(y.count()));
    each_product(c, [&](std::size_t iy, std::size_t ix, std::size_t iw) {
      out[iy] += static_cast<double>(d.x[ix]) * static_cast<double>(d.w[iw]);
    });
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t o = i / static_cast<std::size_t>(y.plane()) % static_cast<std::size_t>(c.k);
      if (c.bias) out[i] += static_cast<double>(d.bias[o]);
      if (c.relu && out[i] < 0.0) out[i] = 0.0;
    }
    return out;
  }
  if (pass == ConvPass::kBackwardData) {
    std::vector<double> out(static_cast<std::size_t>(c.x.count()));
    each_product(c, [&](std::size_t iy, std::size_t ix, std::size_t iw) {
      out[ix] += static_cast<double>(d.dy[iy]) * static_cast<double>(d.w[iw]);
    });
    return out;
  }
  std::vector<double> out(static_cast<std::size_t>(c.weights()));
  each_product(c, [&](std::size_t iy, std::size_t ix, std::size_t iw) {
    out[iw] += static_cast<double>(d.x[ix]) * static_cast<double>(d.dy[iy]);
  });
  return out;
}

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : generator_(seed) {}
  int operator()(int least, int most) {
    return least + static_cast<int>(generator_() % static_cast<std::uint32_t>(most - least + 1));
  }
  template <class T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[(*this)(0, static_cast<int>(values.size()) - 1)];
  }

 private:
  std::mt19937 generator_;
};

Case random_case(Dice& dice) {
  Case c;
  c.g.kernel_h = dice.pick({1, 1, 2, 3, 3, 5, 7});
  c.g.kernel_w = dice(0, 3) > 0 ? c.g.kernel_h : dice(1, 4);
  c.g.stride_h = dice.pick({1, 1, 1, 2, 3});
  c.g.stride_w = dice(0, 4) > 0 ? c.g.stride_h : dice(1, 2);
  c.g.dilation_h = c.g.dilation_w = dice.pick({1, 1, 1, 2});
  c.g.pad_h = dice(0, c.g.kernel_h / 2 + 1);
  c.g.pad_w = dice(0, c.g.kernel_w / 2 + 1);
  c.g.groups = dice.pick({1, 1, 1, 2, 3});
  const int in = dice.pick({1, 2, 3, 8, 16, 17, 24});
  const int out = dice.pick({1, 3, 8, 16, 20, 32});
  c.x = {dice(1, 3), c.g.groups * in, dice(7, 15), dice(7, 13)};
  c.k = c.g.groups * out;
  c.x_layout = dice(0, 2) > 0 ? kBlocked16 : kPlain;
  c.y_layout = dice(0, 2) > 0 ? kBlocked16 : kPlain;
  c.bias = dice(0, 1) == 1;
  c.relu = dice(0, 1) == 1;
  c.frozen = dice(0, 2) > 0;
  c.x_around = dice(0, 3) == 0 ? 1 : 0;
  c.y_around = dice(0, 3) == 0 ? 1 : 0;
  // Out-of-range dilation on the smallest extents has no output.
  const Shape y = c.y();
  return y.h > 0 && y.w > 0 ? c : random_case(dice);
}

/// A case that the Winograd engine is made for.
Case random_winograd(Dice& dice) {
  Case c;
  const int side = dice.pick({3, 5}), pad = dice(0, side - 1);
  c.g = {side, side, 1, 1, pad, dice(0, 3) > 0 ? pad : dice(0, side - 1)};
  c.x = {dice(1, 3), dice.pick({3, 16, 20, 32, 48, 72}), dice(side, 17), dice(side, 15)};
  c.k = dice.pick({3, 16, 24, 32, 80});
  c.bias = dice(0, 1) == 1;
  c.relu = dice(0, 1) == 1;
  c.x_around = dice(0, 3) == 0 ? 1 : 0;
  c.y_around = dice(0, 3) == 0 ? 1 : 0;
  return c;
}

using Maker = std::unique_ptr<ConvPrimitive> (*)(const ConvProblem&, std::string&);

// Sums of n products of numbers in [-1, 1] carry a relative error of about sqrt(log n) 6e-8
// (blocked sums) to sqrt(n) 6e-8; n stays below 3000 here. Winograd F(4x4,3x3) and F(2x2,5x5)
// multiply that by about 10.
constexpr double kTolerance = 1e-5;

/// Runs one engine on one case in all passes; returns how many it accepted.
int compare(Maker maker, const Case& c, std::uint32_t seed, int threads) {
  int accepted = 0;
  for (const ConvPass pass : kPasses) {
    std::string declined;
    const auto primitive = maker(c.problem(pass, threads), declined);
    if (primitive == nullptr) {
      CHECK_FALSE(declined.empty());
      continue;
    }
    ++accepted;
    const Data d(c, seed);
    const Outcome outcome = run_case(*primitive, c, pass, d, threads);
    INFO(primitive->engine(), " pass ", static_cast<int>(pass), ": ", c.text());
    CHECK(outcome.dirty_padding == 0);
    CHECK(outcome.stayed_inside);
    CHECK(relative_l2(outcome.values, naive(c, pass, d)) < kTolerance);
  }
  return accepted;
}

std::vector<Case> random_cases(int count, std::uint32_t seed) {
  Dice dice(seed);
  std::vector<Case> cases;
  for (int i = 0; i < count; ++i) cases.push_back(random_case(dice));
  return cases;
}

Case small_case() {
  Case c;
  c.x = {2, 20, 9, 11};
  c.k = 24;
  c.g = {3, 3, 1, 1, 1, 1};
  return c;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace

TEST_CASE("reference convolution equals the definition") {
  for (const Case& c : random_cases(60, 1)) CHECK(compare(make_conv_reference, c, 5, 1) == 3);
}

TEST_CASE("direct convolution equals the definition") {
  int accepted = 0;
  for (const Case& c : random_cases(120, 2)) accepted += compare(make_conv_direct, c, 6, 1);
  CHECK(accepted > 100);
}

TEST_CASE("convolution through copies in blocks equals the definition") {
  int accepted = 0;
  for (const Case& c : random_cases(100, 12)) accepted += compare(make_conv_reordered, c, 6, 1);
  CHECK(accepted > 60);
}

#if CUTAWAY_HAVE_ONEDNN
TEST_CASE("oneDNN convolution equals the definition") {
  int accepted = 0;
  for (const Case& c : random_cases(70, 2)) accepted += compare(make_conv_onednn, c, 6, 1);
  CHECK(accepted > 70);
}
#endif

TEST_CASE("Winograd convolution equals the definition") {
  Dice dice(3);
  int accepted = 0;
  for (int i = 0; i < 60; ++i)
    accepted += compare(make_conv_winograd, random_winograd(dice), 7, 1 + i % 3 / 2);
  CHECK(accepted > 60);
}

TEST_CASE("every engine's backward pass is the adjoint of its forward pass") {
  Dice dice(4);
  for (int i = 0; i < 24; ++i) {
    Case c = i % 2 == 0 ? random_case(dice) : random_winograd(dice);
    c.bias = c.relu = false;
    const Data d(c, 8);
    for (const Maker maker : {
           Maker{make_conv_winograd},
#if CUTAWAY_HAVE_ONEDNN
               Maker{make_conv_onednn},
#endif
               Maker{make_conv_reference},
         }) {
      std::string declined;
      const auto down = maker(c.problem(ConvPass::kForward, 2), declined);
      const auto up = maker(c.problem(ConvPass::kBackwardData, 2), declined);
      if (down == nullptr || up == nullptr) continue;
      const auto y = run_case(*down, c, ConvPass::kForward, d, 2).values;
      const auto dx = run_case(*up, c, ConvPass::kBackwardData, d, 2).values;
      INFO(down->engine(), ": ", c.text());
      // Both sides are the same sum; cancellation leaves an error relative to the norms.
      const double scale = std::sqrt(dot(y, y) * dot(d.dy, d.dy)) + 1e-30;
      CHECK(std::abs(dot(y, d.dy) - dot(d.x, dx)) / scale < kTolerance);
    }
  }
}

TEST_CASE("results are the same bytes for any number of threads") {
  Dice dice(5);
  for (int i = 0; i < 30; ++i) {
    const Case c = i % 2 == 0 ? random_case(dice) : random_winograd(dice);
    const Data d(c, 9);
    for (const ConvPass pass : kPasses) {
      std::vector<float> first;
      for (const int threads : {1, 2, 3}) {
        const auto primitive = make_conv(kCpuDevice, c.problem(pass, threads));
        const auto values = run_case(*primitive, c, pass, d, threads).values;
        INFO(primitive->engine(), " pass ", static_cast<int>(pass), " ", threads,
             " threads: ", c.text());
        if (threads == 1) first = values;
        CHECK(std::memcmp(first.data(), values.data(), first.size() * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("batch-invariant engines give an image the same bytes in any batch") {
  Dice dice(6);
  EngineOptions options;
  options.batch_invariant = true;
  for (int i = 0; i < 30; ++i) {
    Case batch = i % 2 == 0 ? random_case(dice) : random_winograd(dice);
    batch.x.n = 3;
    Case one = batch;
    one.x.n = 1;
    const Data all(batch, 10);
    for (const ConvPass pass : {ConvPass::kForward, ConvPass::kBackwardData}) {
      const auto wide = make_conv(kCpuDevice, batch.problem(pass, 2), options);
      const auto narrow = make_conv(kCpuDevice, one.problem(pass, 2), options);
      const auto together = run_case(*wide, batch, pass, all, 2).values;
      CHECK(wide->prepared_bytes() == narrow->prepared_bytes());
      CHECK(wide->prepared_format() == narrow->prepared_format());
      for (std::size_t n = 0; n < 3; ++n) {
        Data d = all;
        const std::size_t nx = all.x.size() / 3, ny = all.dy.size() / 3;
        d.x.assign(all.x.begin() + static_cast<std::ptrdiff_t>(n * nx),
                   all.x.begin() + static_cast<std::ptrdiff_t>((n + 1) * nx));
        d.dy.assign(all.dy.begin() + static_cast<std::ptrdiff_t>(n * ny),
                    all.dy.begin() + static_cast<std::ptrdiff_t>((n + 1) * ny));
        const auto alone = run_case(*narrow, one, pass, d, 2).values;
        INFO(wide->engine(), " pass ", static_cast<int>(pass), " image ", n, ": ", batch.text());
        CHECK(std::memcmp(alone.data(), together.data() + n * alone.size(),
                          alone.size() * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("the engine list reports who took a problem and why others did not") {
  Case c = small_case();
  c.g.stride_h = c.g.stride_w = 2;
  EngineReport report;
  const auto made = make_conv(kCpuDevice, c.problem(ConvPass::kForward, 1), {}, &report);
  CHECK(report.chosen == made->engine());
  REQUIRE_FALSE(report.declined.empty());
  CHECK(report.declined.front().first == "winograd");
  CHECK(report.text().find("winograd: ") != std::string::npos);

  EngineOptions force;
  force.force = "gemm:library,conv:reference";
  const auto reference = make_conv(kCpuDevice, c.problem(ConvPass::kForward, 1), force, &report);
  CHECK(reference->engine() == "reference");
  CHECK(report.chosen == "reference");
  CHECK(report.declined.size() >= 1);

  force.force = "conv:winograd";
  CHECK_THROWS_WITH_AS(make_conv(kCpuDevice, c.problem(ConvPass::kForward, 1), force),
                       doctest::Contains("stride"), Error);
  force.force = "conv:cudnn";
  CHECK_THROWS_AS(make_conv(kCpuDevice, c.problem(ConvPass::kForward, 1), force), Error);
}

TEST_CASE("engine options parse or say what they know") {
  EngineOptions options;
  CHECK_NOTHROW(options.validate());
  CHECK(options.forced("conv").empty());
  options.force = "conv:onednn,gemm:reference";
  CHECK_NOTHROW(options.validate());
  CHECK(options.forced("gemm") == "reference");
  CHECK(options.cpu_level() == cutaway::default_cpu_level());
  options.force = "conv:direct,cpu:" + std::string(cutaway::cpu_level_names().front());
  CHECK_NOTHROW(options.validate());
  CHECK(options.cpu_level() == cutaway::CpuLevel::kBaseline);
  options.force = "cpu:sse5";
  CHECK_THROWS_AS((void)options.cpu_level(), Error);
  for (const char* bad : {"conv", "conv:", "conv:fast", "pool:reference", ",", "conv:reference,",
                          "conv:reference,conv:onednn", "gemm:onednn", "cpu", "cpu:sse5"}) {
    options.force = bad;
    INFO(bad);
    CHECK_THROWS_AS(options.validate(), Error);
  }
}

TEST_CASE("impossible convolutions are shape errors") {
  const auto throws_shape = [](auto&& change) {
    ConvProblem p = small_case().problem(ConvPass::kForward, 1);
    change(p);
    try {
      (void)make_conv(kCpuDevice, p);
    } catch (const Error& e) {
      return e.kind() == ErrorKind::kShape;
    }
    return false;
  };
  CHECK(throws_shape([](ConvProblem& p) { p.y.h += 1; }));
  CHECK(throws_shape([](ConvProblem& p) { p.y.n += 1; }));
  CHECK(throws_shape([](ConvProblem& p) { p.x.c = 0; }));
  CHECK(throws_shape([](ConvProblem& p) { p.g.groups = 7; }));
  CHECK(throws_shape([](ConvProblem& p) { p.g.groups = 0; }));
  CHECK(throws_shape([](ConvProblem& p) { p.g.stride_w = 0; }));
  CHECK(throws_shape([](ConvProblem& p) { p.g.pad_h = -1; }));
  CHECK(throws_shape([](ConvProblem& p) { p.g.dilation_h = 20; }));
  CHECK(throws_shape([](ConvProblem& p) { p.x_stored_channels = 16; }));
  CHECK(throws_shape([](ConvProblem& p) {
    p.pass = ConvPass::kBackwardData;
    p.relu = true;
  }));
}
