// Winograd F(4x4, 3x3) and F(2x2, 5x5) on tensors in blocks of 16 channels: per tile of 4x4 or 2x2
// outputs, transform 6x6 inputs, multiply at 36 points by the transformed weights, transform back,
// add the bias, clamp.
#include <omp.h>

#include <algorithm>

#include "kernels/conv.h"
#include "kernels/cpu/cache.h"
#include "kernels/cpu/conv_winograd_tile.h"
#include "kernels/cpu/conv_winograd_weights.h"
#include "kernels/cpu/level.h"
#include "kernels/cpu/micro_kernel.h"
#include "runtime/error.h"

namespace cutaway::kernels {
namespace {

using winograd::kBlock;
using winograd::kIn;
using winograd::kPoints;

/// How the tiles are spread over the threads.
struct Schedule {
  /// Private: every thread carries blocks of `tiles` tiles through all stages in its own
  /// second-level cache, one panel of output channels after the other. Shared: all threads carry
  /// one block through a stage, then the next. Weights are read once a block.
  bool shared{false};
  std::int64_t tiles{1};
};

/// The convolution that is computed: the layer itself, or its adjoint as a convolution.
struct Geometry {
  Shape in, out;
  std::int64_t in_padded, out_padded;  ///< channels, up to multiples of 16
  int taps, pad_h, pad_w;
  std::int64_t side;  ///< outputs of a tile
  std::int64_t tiles_h, tiles_w, tiles;

  explicit Geometry(const ConvProblem& p) {
    const bool adjoint = p.pass == ConvPass::kBackwardData;
    in = adjoint ? p.y : p.x;
    out = adjoint ? p.x : p.y;
    taps = p.g.kernel_h;
    pad_h = adjoint ? taps - 1 - p.g.pad_h : p.g.pad_h;
    pad_w = adjoint ? taps - 1 - p.g.pad_w : p.g.pad_w;
    side = winograd::outputs_of(taps);
    in_padded = round_up(in.c, kBlock);
    out_padded = round_up(out.c, kBlock);
    tiles_h = ceil_div(out.h, side);
    tiles_w = ceil_div(out.w, side);
    tiles = out.n * tiles_h * tiles_w;
  }
};

/// A tile's numbers stand as [point][channel]; room for one more point keeps neighbouring tiles
/// from falling into the same cache sets.
constexpr std::int64_t kTileStride = kPoints + 1;

struct TilePlace {
  std::int64_t n, h, w;  ///< image, first output row and column
};

TilePlace place(const Geometry& g, std::int64_t tile) {
  const std::int64_t in_image = tile % (g.tiles_h * g.tiles_w);
  return {tile / (g.tiles_h * g.tiles_w), in_image / g.tiles_w * g.side,
          in_image % g.tiles_w * g.side};
}

/// The 36 inputs of a tile that reaches over the edge, zero outside the image; `from` is where its
/// first pixel would stand.
void copy_padded(const Geometry& g,
                 const View<const float>& x,
                 std::int64_t top,
                 std::int64_t left,
                 const float* from,
                 float* padded) {
  std::memset(padded, 0, kPoints * kBlock * sizeof(float));
  const std::int64_t first = std::max<std::int64_t>(0, -left);
  const std::int64_t last = std::min<std::int64_t>(kIn, g.in.w - left);
  for (std::int64_t i = std::max<std::int64_t>(0, -top); i < kIn && top + i < g.in.h; ++i) {
    for (std::int64_t j = first; j < last; ++j) {
      std::memcpy(padded + (i * kIn + j) * kBlock, from + i * x.stride_h + j * x.stride_w,
                  kBlock * sizeof(float));
    }
  }
}

/// `count` tiles from `first` on, into v[tile][point][channel].
void transform_inputs(const Geometry& g,
                      const View<const float>& x,
                      std::int64_t first,
                      std::int64_t count,
                      float* v) {
  for (std::int64_t block = 0; block < g.in_padded / kBlock; ++block) {
    for (std::int64_t t = 0; t < count; ++t) {
      const TilePlace at = place(g, first + t);
      const std::int64_t top = at.h - g.pad_h, left = at.w - g.pad_w;
      const float* from =
          x.data + at.n * x.stride_n + block * x.stride_b + top * x.stride_h + left * x.stride_w;
      float* to = v + t * kTileStride * g.in_padded + block * kBlock;
      if (top >= 0 && left >= 0 && top + kIn <= g.in.h && left + kIn <= g.in.w) {
        winograd::input_tile(from, x.stride_h, x.stride_w, to, g.in_padded);
      } else {
        alignas(64) float padded[kPoints * kBlock];
        copy_padded(g, x, top, left, from, padded);
        winograd::input_tile(padded, kIn * kBlock, kBlock, to, g.in_padded);
      }
    }
  }
}

/// Products of some output channels: m[tile][point][channel].
struct Products {
  std::int64_t channel, width;  ///< the first, and how many: a multiple of 16
  float* m;
  [[nodiscard]] std::int64_t tile_stride() const { return kTileStride * width; }
};

/// The reverse for products.
template <int OUT>
void transform_outputs_of(const Geometry& g,
                          const View<float>& y,
                          std::int64_t first,
                          std::int64_t count,
                          const Products& products,
                          const float* bias,
                          bool relu) {
  for (std::int64_t c = products.channel; c < products.channel + products.width; c += kBlock) {
    const std::int64_t lanes = std::min(kBlock, g.out.c - c);
    for (std::int64_t t = 0; t < count; ++t) {
      const TilePlace at = place(g, first + t);
      const std::int64_t rows = std::min<std::int64_t>(OUT, g.out.h - at.h);
      const std::int64_t columns = std::min<std::int64_t>(OUT, g.out.w - at.w);
      const float* from = products.m + t * products.tile_stride() + c - products.channel;
      float* to = y.data + at.n * y.stride_n + c / kBlock * y.stride_b + at.h * y.stride_h +
                  at.w * y.stride_w;
      if (rows == OUT && columns == OUT && lanes == kBlock) {
        winograd::output_tile<OUT>(from, products.width, bias + c, relu, to, y.stride_h,
                                   y.stride_w);
        continue;
      }
      alignas(64) float full[static_cast<unsigned>(OUT * OUT * kBlock)];
      winograd::output_tile<OUT>(from, products.width, bias + c, relu, full, OUT * kBlock, kBlock);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          const float* value = full + (i * OUT + j) * kBlock;
          float* pixel = to + i * y.stride_h + j * y.stride_w;
          // Padding lanes become zero whatever the inputs were.
          for (std::int64_t l = 0; l < kBlock; ++l) pixel[l] = l < lanes ? value[l] : 0.0f;
        }
      }
    }
  }
}

void transform_outputs(const Geometry& g,
                       const View<float>& y,
                       std::int64_t first,
                       std::int64_t count,
                       const Products& products,
                       const float* bias,
                       bool relu) {
  const auto of = g.side == 2 ? transform_outputs_of<2> : transform_outputs_of<4>;
  of(g, y, first, count, products, bias, relu);
}

constexpr std::int64_t kRegisterRows = 6;
constexpr std::int64_t kWide = std::max<std::int64_t>(kPanel, kBlock);

/// One point and one panel of output channels: products = v u for the tiles of a block. A panel is
/// used for so few tiles that the next is fetched meanwhile, `jump` floats from this one.
void multiply(const Geometry& g,
              const float* u,
              const float* v,
              const Products& products,
              std::int64_t point,
              std::int64_t panel,
              std::int64_t tiles,
              std::int64_t jump) {
  const std::int64_t first = panel * kWide, width = std::min(kWide, g.out_padded - first);
  const float* weights = u + point * g.in_padded * g.out_padded + first * g.in_padded;
  multiply_panel<true>(tiles, v + point * g.in_padded, kTileStride * g.in_padded, weights, width,
                       std::min(width, g.out.c - first), g.in.c,
                       products.m + point * products.width + first - products.channel,
                       products.tile_stride(), weights + jump);
}

/// Sizes that measured best: private blocks as long as the weights stay in the last-level cache and
/// a block of at least one register tile in the second-level cache.
Schedule choose_schedule(const Geometry& g, int threads) {
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  const std::int64_t panel = std::min(kWide, g.out_padded);
  const std::int64_t private_bytes = kPoints * (g.in_padded + panel) * std::int64_t{sizeof(float)};
  const std::int64_t shared_bytes =
      kPoints * (g.in_padded + g.out_padded) * std::int64_t{sizeof(float)};
  const std::int64_t weight_bytes =
      kPoints * g.in_padded * g.out_padded * std::int64_t{sizeof(float)};
  const std::int64_t fit = static_cast<std::int64_t>(second_level_cache()) / private_bytes;
  Schedule s;
  s.shared = fit < kRegisterRows || weight_bytes > 32 * kMiB || g.tiles < threads * kRegisterRows;
  const std::int64_t most = s.shared ? std::max(kRegisterRows, 8 * kMiB / shared_bytes) : fit;
  std::int64_t blocks = ceil_div(g.tiles, most);
  if (!s.shared) blocks = round_up(blocks, threads);
  s.tiles = round_up(ceil_div(g.tiles, blocks), kRegisterRows);
  return s;
}

class WinogradConv final : public ConvPrimitive {
 public:
  explicit WinogradConv(const ConvProblem& p)
      : p_(p),
        g_(p),
        schedule_(choose_schedule(g_, p.threads)),
        weights_{g_.in.c, g_.out.c, g_.taps, p.pass == ConvPass::kBackwardData} {}

  [[nodiscard]] std::string_view engine() const noexcept override { return "winograd"; }

  [[nodiscard]] std::size_t scratch_bytes() const override {
    const std::int64_t copies = schedule_.shared ? 1 : p_.threads;
    const std::int64_t floats = g_.out_padded + copies * (v_floats() + m_floats()) +
                                (p_.frozen ? 0 : weights_.transformed());
    return static_cast<std::size_t>(floats) * sizeof(float);
  }
  [[nodiscard]] std::size_t prepared_bytes() const override {
    return p_.frozen ? static_cast<std::size_t>(weights_.transformed()) * sizeof(float) : 0;
  }
  [[nodiscard]] std::string prepared_format() const override {
    return p_.frozen ? std::string("winograd/") + std::to_string(g_.taps) + "/" +
                           std::to_string(kWide) + (weights_.flipped ? "/flipped" : "")
                     : "";
  }
  void prepare(Stream& stream, const float* w, std::byte* prepared) const override {
    if (!p_.frozen) return;
    winograd::transform(weights_, w, reinterpret_cast<float*>(prepared),
                        std::get<CpuStream>(stream).threads());
  }

  void run(Stream& stream, const ConvArguments& a) const override {
    check(a.in.shape == g_.in && a.out.shape == g_.out && a.in.block == kBlock &&
              a.out.block == kBlock,
          "winograd convolution: tensors of another geometry");
    const int threads = std::min(std::get<CpuStream>(stream).threads(), p_.threads);
    float* memory = reinterpret_cast<float*>(a.scratch);
    float* bias = memory;
    memory += g_.out_padded;
    std::fill(bias, memory, 0.0f);
    if (p_.bias) std::copy(a.bias, a.bias + g_.out.c, bias);
    const float* u = reinterpret_cast<const float*>(a.prepared);
    if (!p_.frozen) {
      winograd::transform(weights_, a.w, memory, threads);
      u = memory;
      memory += weights_.transformed();
    }
    if (schedule_.shared) {
      run_shared(a, u, bias, memory, threads);
    } else {
      run_private(a, u, bias, memory, threads);
    }
  }

 private:
  [[nodiscard]] std::int64_t v_floats() const {
    return kTileStride * schedule_.tiles * g_.in_padded;
  }
  [[nodiscard]] std::int64_t m_floats() const {
    return kTileStride * schedule_.tiles *
           (schedule_.shared ? g_.out_padded : std::min(kWide, g_.out_padded));
  }
  [[nodiscard]] std::int64_t panels() const { return ceil_div(g_.out_padded, kWide); }

  void run_private(
      const ConvArguments& a, const float* u, const float* bias, float* memory, int threads) const {
    const std::int64_t step = schedule_.tiles, blocks = ceil_div(g_.tiles, step);
#pragma omp parallel num_threads(threads)
    {
      float* v = memory + omp_get_thread_num() * (v_floats() + m_floats());
      float* m = v + v_floats();
#pragma omp for schedule(dynamic)
      for (std::int64_t block = 0; block < blocks; ++block) {
        const std::int64_t first = block * step, tiles = std::min(step, g_.tiles - first);
        transform_inputs(g_, a.in, first, tiles, v);
        for (std::int64_t panel = 0; panel < panels(); ++panel) {
          const std::int64_t channel = panel * kWide;
          const Products products{channel, std::min(kWide, g_.out_padded - channel), m};
          for (std::int64_t point = 0; point < kPoints; ++point) {
            multiply(g_, u, v, products, point, panel, tiles, g_.in_padded * g_.out_padded);
          }
          transform_outputs(g_, a.out, first, tiles, products, bias, p_.relu);
        }
      }
    }
  }

  void run_shared(
      const ConvArguments& a, const float* u, const float* bias, float* v, int threads) const {
    const std::int64_t step = schedule_.tiles, jobs = kPoints * panels();
    // Neighbouring panels go to one thread, which fetches the next while it works on one.
    const std::int64_t chunk = std::clamp<std::int64_t>(jobs / (4 * threads), 1, panels());
    const Products products{0, g_.out_padded, v + v_floats()};
#pragma omp parallel num_threads(threads)
    for (std::int64_t first = 0; first < g_.tiles; first += step) {
      const std::int64_t tiles = std::min(step, g_.tiles - first);
#pragma omp for schedule(static)
      for (int part = 0; part < threads; ++part) {
        const std::int64_t begin = tiles * part / threads,
                           count = tiles * (part + 1) / threads - begin;
        transform_inputs(g_, a.in, first + begin, count, v + begin * kTileStride * g_.in_padded);
      }
#pragma omp for schedule(dynamic, chunk)
      for (std::int64_t job = 0; job < jobs; ++job) {
        const std::int64_t point = job / panels(), panel = job % panels();
        multiply(g_, u, v, products, point, panel, tiles, g_.in_padded * kWide);
      }
#pragma omp for schedule(static)
      for (int part = 0; part < threads; ++part) {
        const std::int64_t begin = tiles * part / threads,
                           count = tiles * (part + 1) / threads - begin;
        Products part_of = products;
        part_of.m += begin * products.tile_stride();
        transform_outputs(g_, a.out, first + begin, count, part_of, bias, p_.relu);
      }
    }
  }

  ConvProblem p_;
  Geometry g_;
  Schedule schedule_;
  winograd::Weights weights_;
};

/// With weights that change at every run, fewer tiles than this do not pay for their
/// transformation.
constexpr std::int64_t kFewTiles = 16;

std::string why_not(const ConvProblem& p) {
  const ConvGeometry& g = p.g;
  if (p.pass == ConvPass::kBackwardWeights) return "no weight gradients";
  if (g.kernel_h != g.kernel_w || (g.kernel_h != 3 && g.kernel_h != 5))
    return "kernel is neither 3x3 nor 5x5";
  if (g.stride_h != 1 || g.stride_w != 1) return "stride is not 1";
  if (g.dilation_h != 1 || g.dilation_w != 1) return "dilation is not 1";
  if (g.groups != 1) return "more than one group";
  if (g.pad_h >= g.kernel_h || g.pad_w >= g.kernel_w) return "padding of a whole kernel";
  if (!p.frozen && Geometry(p).tiles <= kFewTiles)
    return "too few tiles to transform the weights at every run";
  if (!(p.x_layout == kBlocked16) || !(p.y_layout == kBlocked16))
    return "not in blocks of 16 channels";
  return {};
}

}  // namespace

std::unique_ptr<ConvPrimitive> make_conv_winograd(ThisLevel,
                                                  const ConvProblem& p,
                                                  std::string& declined) {
  declined = why_not(p);
  if (!declined.empty()) return nullptr;
  return std::make_unique<WinogradConv>(p);
}

}  // namespace cutaway::kernels
