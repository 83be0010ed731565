#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/shim/cuda_shim.h"
// The kernels need the words of the shim.
#include "kernels/conv_reference.inl"
#include "kernels/cuda/conv_implicit_gemm.cuh"
#include "kernels/cuda/conv_weight_gradient.cuh"
#include "runtime/buffer.h"

// The lines that run on the GPU, run here: implicit matrix products against the reference
// convolution.
namespace {

using namespace cutaway::kernels;
using cutaway::Buffer;
using cutaway::Layout;
using cutaway::Shape;
using cutaway::View;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
using Small = ConvTile<64, 64>;
using Large = ConvTile<128, 64>;

/// A channels-last tensor, or lanes [first, first + c) of a wider one, on exactly as much memory as
/// it needs.
struct Map {
  Shape shape;
  std::int64_t whole, first;
  Buffer buffer;

  Map(const Shape& s, std::int64_t whole_, std::int64_t first_, float fill)
      : shape(s),
        whole(whole_),
        first(first_),
        buffer(cutaway::kCpuDevice, static_cast<std::size_t>(count()) * sizeof(float)) {
    for (std::int64_t i = 0; i < count(); ++i) data()[i] = fill;
  }
  [[nodiscard]] std::int64_t count() const { return shape.n * shape.plane() * whole; }
  [[nodiscard]] float* data() const { return reinterpret_cast<float*>(buffer.data()); }
  [[nodiscard]] View<float> view() const {
    const Shape all{shape.n, whole, shape.h, shape.w};
    return channel_slice(dense_view(data(), all, Layout{whole}), first, shape.c);
  }
  template <class F>
  void each(const F& f) const {
    const View<float> v = view();
    for (std::int64_t n = 0; n < shape.n; ++n) {
      for (std::int64_t h = 0; h < shape.h; ++h) {
        for (std::int64_t w = 0; w < shape.w; ++w) {
          for (std::int64_t c = 0; c < v.lanes(); ++c) f(v.at(n, c, h, w), c < shape.c);
        }
      }
    }
  }
};

struct Case {
  ConvProblem problem;
  std::int64_t x_whole, x_first, y_whole, y_first;

  [[nodiscard]] std::string text() const {
    const ConvGeometry& g = problem.g;
    return "pass " + std::to_string(static_cast<int>(problem.pass)) + " " + to_string(problem.x) +
           " -> " + to_string(problem.y) + " kernel " + std::to_string(g.kernel_h) + "x" +
           std::to_string(g.kernel_w) + " stride " + std::to_string(g.stride_h) + "," +
           std::to_string(g.stride_w) + " pad " + std::to_string(g.pad_h) + "," +
           std::to_string(g.pad_w) + " dilation " + std::to_string(g.dilation_h) + "," +
           std::to_string(g.dilation_w) + " groups " + std::to_string(g.groups) + " x in " +
           std::to_string(x_whole) + " y in " + std::to_string(y_whole);
  }
};

class Draw {
 public:
  explicit Draw(std::uint32_t seed) : random_(seed) {}
  std::int32_t operator()(std::int32_t low, std::int32_t high) {
    return low + static_cast<std::int32_t>(random_() % static_cast<std::uint32_t>(high - low + 1));
  }
  float value() { return static_cast<float>(random_() >> 8) * 0x1p-23f - 1.0f; }

 private:
  std::mt19937 random_;
};

/// Where a tensor of c channels stands: alone, or (one time in three) between others.
void place(Draw& draw, std::int64_t c, std::int64_t& whole, std::int64_t& first) {
  whole = cutaway::round_up(c, 8);
  first = 0;
  if (draw(0, 2) == 0) {
    first = 8 * draw(1, 2);
    whole = cutaway::round_up(c, 8) + first + 8 * draw(1, 2);
  }
}

/// A random small convolution that the engine takes.
Case draw_case(Draw& draw, ConvPass pass) {
  Case c{};
  ConvProblem& p = c.problem;
  p.pass = pass;
  do {
    ConvGeometry& g = p.g;
    g.kernel_h = draw(1, 5);
    g.kernel_w = draw(0, 3) == 0 ? draw(1, 5) : g.kernel_h;
    g.stride_h = draw(0, 1) == 0 ? 1 : draw(2, 4);
    g.stride_w = draw(0, 3) == 0 ? draw(1, 3) : g.stride_h;
    g.pad_h = draw(0, g.kernel_h);
    g.pad_w = draw(0, g.kernel_w);
    g.dilation_h = draw(0, 3) == 0 ? 2 : 1;
    g.dilation_w = draw(0, 3) == 0 ? 3 : g.dilation_h;
    g.groups = draw(0, 2) == 0 ? draw(2, 3) : 1;
    const bool wide = draw(0, 3) == 0;
    const std::int64_t inputs = draw(0, 1) == 0 ? 4 * draw(1, 4) : draw(1, 13);
    const std::int64_t outputs = wide              ? draw(60, 90)
                                 : draw(0, 1) == 0 ? 4 * draw(1, 5)
                                                   : draw(1, 17);
    p.x = {draw(1, 3), inputs * g.groups, draw(1, 13), draw(1, 13)};
    p.y = {p.x.n, outputs * g.groups,
           conv_extent(p.x.h, g.kernel_h, g.stride_h, g.pad_h, g.dilation_h),
           conv_extent(p.x.w, g.kernel_w, g.stride_w, g.pad_w, g.dilation_w)};
    place(draw, p.x.c, c.x_whole, c.x_first);
    place(draw, p.y.c, c.y_whole, c.y_first);
    p.x_layout = Layout{c.x_whole};
    p.y_layout = Layout{c.y_whole};
  } while (p.y.h < 1 || p.y.w < 1 || !ImplicitGemm::refuse(p).empty());
  if (pass == ConvPass::kForward) {
    p.bias = draw(0, 1) == 0;
    p.relu = draw(0, 1) == 0;
  }
  return c;
}

/// Channels random, padding lanes zero. Lanes of neighbours stay NaN: reading one would show.
void fill(const Map& map, Draw& draw) {
  map.each([&](float& v, bool real) { v = real ? draw.value() : 0.0f; });
}

std::vector<float> values(std::int64_t count, Draw& draw) {
  std::vector<float> v(static_cast<std::size_t>(count));
  for (float& e : v) e = draw.value();
  return v;
}

/// Memory of exactly `bytes`, 64-byte aligned, all NaN.
Buffer poisoned(std::size_t bytes) {
  Buffer b(cutaway::kCpuDevice, bytes);
  std::memset(b.data(), 0xff, bytes);
  return b;
}

/// Which of the kernels: those the geometry asks for, or a tile and a width of loads.
enum class Variant { kChosen, kSmallScalar, kLargeScalar, kSmall, kLarge };

void launch_rows(const RowsGemm& g, bool strided, Variant variant) {
  const bool vector = ImplicitGemm::vector_loads(g);
  switch (variant) {
    case Variant::kChosen:
      return launch_conv_rows(0, g, strided);
    case Variant::kSmallScalar:
      return launch_conv_rows<Small>(0, g, false, true);
    case Variant::kLargeScalar:
      return launch_conv_rows<Large>(0, g, false, true);
    case Variant::kSmall:
      return launch_conv_rows<Small>(0, g, vector, strided);
    case Variant::kLarge:
      return launch_conv_rows<Large>(0, g, vector, strided);
  }
}

void run_tiles(const ConvProblem& p, const ConvArguments& a, Variant variant) {
  const ImplicitGemm gemm(p);
  if (p.pass == ConvPass::kBackwardWeights) {
    const Buffer partial = poisoned(gemm.partial_bytes());
    auto* sums = reinterpret_cast<float*>(partial.data());
    const WeightsGemm g = gemm.weights(a, sums);
    if (variant == Variant::kChosen) {
      launch_conv_weights(0, g, gemm.splits());
    } else if (variant == Variant::kLarge || variant == Variant::kLargeScalar) {
      launch_conv_weights<Large>(0, g, gemm.splits());
    } else {
      launch_conv_weights<Small>(0, g, gemm.splits());
    }
    const SumSplits sum = gemm.sum_splits(sums, a.dw);
    for (std::int64_t i = 0; i < sum.count(); ++i) sum(i);
    return;
  }
  const Buffer memory = poisoned(gemm.matrix_bytes());
  auto* matrix = reinterpret_cast<float*>(memory.data());
  const WeightMatrix pack = gemm.weight_matrix(a.w, matrix);
  for (std::int64_t i = 0; i < pack.count(); ++i) pack(i);
  launch_rows(gemm.rows(a, matrix), gemm.strided(), variant);
}

void run_reference(const ConvProblem& p, const ConvArguments& a) {
  const auto each = [](std::int64_t count, const auto& op) {
    for (std::int64_t i = 0; i < count; ++i) op(i);
  };
  switch (p.pass) {
    case ConvPass::kForward:
      each(visited(a.out),
           ReferenceConvForward{p.g, a.in, a.out, a.w, p.bias ? a.bias : nullptr, p.relu});
      return;
    case ConvPass::kBackwardData:
      each(visited(a.out), ReferenceConvBackwardData{p.g, a.in, a.out, a.w});
      return;
    case ConvPass::kBackwardWeights:
      each(p.y.c * (p.x.c / p.g.groups) * p.g.kernel_h * p.g.kernel_w,
           ReferenceConvBackwardWeights{p.g, a.in, a.in2, a.dw});
      return;
  }
}

/// Everything one run may touch. Two Sets with the same seed hold the same numbers.
struct Set {
  Map x, y;
  std::vector<float> w, bias, dw;
  ConvArguments a;

  Set(const Case& c, std::uint32_t seed)
      : x(c.problem.x, c.x_whole, c.x_first, kNan), y(c.problem.y, c.y_whole, c.y_first, kNan) {
    const ConvProblem& p = c.problem;
    Draw draw(seed);
    const std::int64_t weights = p.y.c * (p.x.c / p.g.groups) * p.g.kernel_h * p.g.kernel_w;
    w = values(weights, draw);
    bias = values(p.y.c, draw);
    dw.assign(static_cast<std::size_t>(weights), kNan);
    if (p.pass != ConvPass::kBackwardData) fill(x, draw);
    if (p.pass != ConvPass::kForward) fill(y, draw);
    a.w = w.data();
    a.bias = bias.data();
    a.dw = dw.data();
    const Map& in = p.pass == ConvPass::kBackwardData ? y : x;
    a.in = in.view();
    a.in2 = y.view();
    a.out = p.pass == ConvPass::kForward ? y.view() : x.view();
    if (p.pass == ConvPass::kBackwardWeights) a.out = {};
  }
  /// All memory that the run may have written.
  [[nodiscard]] std::vector<float> written(ConvPass pass) const {
    if (pass == ConvPass::kBackwardWeights) return dw;
    const Map& out = pass == ConvPass::kForward ? y : x;
    return {out.data(), out.data() + out.count()};
  }
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Relative L2 difference; both must be NaN (never written) at the same places, or the answer is
/// NaN.
double difference(const std::vector<float>& got, const std::vector<float>& expected) {
  double error = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(expected[i])) continue;
    const double e = static_cast<double>(got[i]) - static_cast<double>(expected[i]);
    error += e * e;
    norm += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return norm == 0.0 ? std::sqrt(error) : std::sqrt(error / norm);
}

// Float sums of up to a few thousand terms of either sign: sqrt(terms) * 2^-24 is 4e-6 for 4096.
constexpr double kTolerance = 5e-6;

void check_pass(ConvPass pass, std::uint32_t seed, int cases) {
  Draw draw(seed);
  for (int i = 0; i < cases; ++i) {
    const Case c = draw_case(draw, pass);
    CAPTURE(i);
    CAPTURE(c.text());
    Set expected(c, seed + static_cast<std::uint32_t>(i));
    run_reference(c.problem, expected.a);
    Set got(c, seed + static_cast<std::uint32_t>(i));
    run_tiles(c.problem, got.a, Variant::kChosen);
    const double error = difference(got.written(pass), expected.written(pass));
    if (!(error <= kTolerance)) FAIL_CHECK("relative error ", error);

    // Neither the order of the threads nor the tile nor the width of the loads may show in the
    // bits.
    shim::set_order(seed + static_cast<std::uint32_t>(i) + 1);
    for (const Variant variant : {Variant::kChosen, Variant::kSmallScalar, Variant::kLargeScalar,
                                  Variant::kSmall, Variant::kLarge}) {
      Set again(c, seed + static_cast<std::uint32_t>(i));
      run_tiles(c.problem, again.a, variant);
      CAPTURE(static_cast<int>(variant));
      CHECK(same_bits(again.written(pass), got.written(pass)));
    }
    shim::set_order(0);
  }
}

TEST_CASE("implicit GEMM forward equals the reference") { check_pass(ConvPass::kForward, 100, 60); }

TEST_CASE("implicit GEMM data gradient equals the reference") {
  check_pass(ConvPass::kBackwardData, 200, 60);
}

TEST_CASE("implicit GEMM weight gradient equals the reference") {
  check_pass(ConvPass::kBackwardWeights, 300, 60);
}

TEST_CASE("a weight gradient of many pixels is split, and every pixel is counted once") {
  Case c{};
  ConvProblem& p = c.problem;
  p.pass = ConvPass::kBackwardWeights;
  p.x = {3, 8, 31, 29};
  p.y = {3, 5, 31, 29};
  p.g.kernel_h = p.g.kernel_w = 3;
  p.g.pad_h = p.g.pad_w = 1;
  c.x_whole = c.y_whole = 8;
  p.x_layout = p.y_layout = Layout{8};
  CHECK(ImplicitGemm(p).splits() > 4);
  Set expected(c, 7), got(c, 7);
  run_reference(p, expected.a);
  run_tiles(p, got.a, Variant::kChosen);
  const double error = difference(got.dw, expected.dw);
  if (!(error <= kTolerance)) FAIL_CHECK("relative error ", error);
}

TEST_CASE("the engine says what it does not take") {
  ConvProblem p;
  p.x = {1, 16, 8, 8};
  p.y = {1, 16, 8, 8};
  p.x_layout = p.y_layout = Layout{16};
  CHECK(ImplicitGemm::refuse(p).empty());
  p.x_layout = cutaway::kPlain;
  CHECK_FALSE(ImplicitGemm::refuse(p).empty());
  p.x_layout = Layout{16};
  p.g.groups = 16;
  CHECK(ImplicitGemm::refuse(p).find("depthwise") != std::string::npos);
  p.g.groups = 1;
  p.x.n = p.y.n = 1 << 23;
  CHECK(ImplicitGemm::refuse(p).find("pixels") != std::string::npos);
}

}  // namespace
