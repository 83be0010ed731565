#include "kernels/cpu/conv_direct_weights.h"

#include <algorithm>

#include "kernels/cpu/conv_direct_plan.h"
#include "kernels/cpu/micro_kernel.h"

// dw[o, c, u, v] = sum over images and output pixels of dy[o, pixel] x[c, pixel * stride - pad +
// (u, v) * dilation]: a register tile of channels c by channels o sums over pixels. A sum is cut
// into pieces of some hundred pixels, always the same, so that it stays accurate and does not
// depend on the number of threads.
namespace cutaway::kernels::direct {
namespace {

constexpr std::int64_t kWide = std::max<std::int64_t>(kPanel, kBlock);
constexpr std::int64_t kPiecePixels = 512;
/// Taps of a kernel row times blocks of input channels that share a pass over the images.
constexpr std::int64_t kTaps = 7;
constexpr int kTileRows = 6;

/// One panel of output channels, some blocks of input channels and some taps of one kernel row.
struct Job {
  const ConvProblem& p;
  const View<const float>& x;
  const View<const float>& dy;
  std::int64_t o, width;     ///< first output channel, channels of the panel
  std::int64_t c, channels;  ///< first input channel and their number
  std::int64_t u, v, taps;
  float* sums;  ///< [tap][channel][kWide]
};

/// Output columns for which tap v reads inside the image.
struct Range {
  std::int64_t first, end;
};
Range inside(std::int64_t out, std::int64_t in, std::int64_t at, std::int64_t stride) {
  const std::int64_t first = at >= 0 ? 0 : ceil_div(-at, stride);
  const std::int64_t end = in - 1 - at < 0 ? 0 : (in - 1 - at) / stride + 1;
  return {std::min(first, out), std::max(std::min(end, out), std::min(first, out))};
}

/// T input channels by J vectors of output channels over rows [first, end) of one image, added to
/// the sums.
template <int T, int J>
[[gnu::noinline]] void add_tile(const Job& job,
                                std::int64_t n,
                                std::int64_t first,
                                std::int64_t end,
                                std::int64_t tap,
                                std::int64_t channel,
                                std::int64_t column) {
  const ConvGeometry& g = job.p.g;
  const std::int64_t v = job.v + tap, at_w = v * g.dilation_w - g.pad_w;
  const Range columns = inside(job.dy.shape.w, job.x.shape.w, at_w, g.stride_w);
  const std::ptrdiff_t a_row = job.x.block == 1 ? job.x.stride_b : 1;
  const std::int64_t c = job.c + channel;
  const float* x = job.x.data + n * job.x.stride_n + c / job.x.block * job.x.stride_b +
                   c % job.x.block + (columns.first * g.stride_w + at_w) * job.x.stride_w;
  const std::int64_t o = job.o + column;
  const float* dy = job.dy.data + n * job.dy.stride_n + o / kBlock * job.dy.stride_b + o % kBlock +
                    columns.first * job.dy.stride_w;
  Tile<T, J> sum;
  sum.clear();
  for (std::int64_t h = first; h < end; ++h) {
    const std::int64_t row = h * g.stride_h - g.pad_h + job.u * g.dilation_h;
    if (row < 0 || row >= job.x.shape.h) continue;
    sum.accumulate(x + row * job.x.stride_h, a_row, g.stride_w * job.x.stride_w,
                   dy + h * job.dy.stride_h, job.dy.stride_w, columns.end - columns.first,
                   job.dy.stride_b);
  }
  float* to = job.sums + (tap * job.channels + channel) * kWide + column;
  for (int t = 0; t < T; ++t) {
    for (int j = 0; j < J; ++j) {
      float* at = to + t * kWide + j * kVecWidth;
      store(at, load(at) + sum.c[t][j]);
    }
  }
}

template <int J>
void add_channels(const Job& job,
                  std::int64_t n,
                  std::int64_t first,
                  std::int64_t end,
                  std::int64_t tap,
                  std::int64_t column) {
  for (std::int64_t block = 0; block < job.channels; block += kBlock) {
    const std::int64_t channels = std::min(kBlock, job.channels - block),
                       tiles = ceil_div(channels, kTileRows);
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t c = channels * tile / tiles, count = channels * (tile + 1) / tiles - c;
      switch (count) {
        case 1:
          add_tile<1, J>(job, n, first, end, tap, block + c, column);
          break;
        case 2:
          add_tile<2, J>(job, n, first, end, tap, block + c, column);
          break;
        case 3:
          add_tile<3, J>(job, n, first, end, tap, block + c, column);
          break;
        case 4:
          add_tile<4, J>(job, n, first, end, tap, block + c, column);
          break;
        case 5:
          add_tile<5, J>(job, n, first, end, tap, block + c, column);
          break;
        default:
          add_tile<kTileRows, J>(job, n, first, end, tap, block + c, column);
          break;
      }
    }
  }
}

void add_piece(const Job& job, std::int64_t n, std::int64_t first, std::int64_t end) {
  for (std::int64_t tap = 0; tap < job.taps; ++tap) {
    for (std::int64_t column = 0; column < job.width; column += kPanel) {
      switch (std::min<std::int64_t>(kPanelVecs, (job.width - column) / kVecWidth)) {
        case 1:
          add_channels<1>(job, n, first, end, tap, column);
          break;
        case 2:
          add_channels<2>(job, n, first, end, tap, column);
          break;
        case 3:
          add_channels<std::min(3, kPanelVecs)>(job, n, first, end, tap, column);
          break;
        default:
          add_channels<kPanelVecs>(job, n, first, end, tap, column);
          break;
      }
    }
  }
}

class BackwardWeights final : public ConvPrimitive {
 public:
  explicit BackwardWeights(const ConvProblem& p)
      : p_(p),
        in_(p.x.c / p.g.groups),
        out_(p.y.c / p.g.groups),
        panels_(ceil_div(out_, kWide)),
        tap_groups_(ceil_div(p.g.kernel_w, kTaps)) {
    step_ = choose_step();
    blocks_ = ceil_div(in_, step_);
  }

  [[nodiscard]] std::string_view engine() const noexcept override { return "direct"; }

  void run(Stream& stream, const ConvArguments& a) const override {
    const std::int64_t jobs = p_.g.groups * panels_ * blocks_ * p_.g.kernel_h * tap_groups_;
#pragma omp parallel for schedule(dynamic) num_threads(std::get <CpuStream>(stream).threads())
    for (std::int64_t i = 0; i < jobs; ++i) run_job(a, i);
  }

 private:
  [[nodiscard]] bool pointwise() const {
    const ConvGeometry& g = p_.g;
    return g.kernel_h * g.kernel_w * g.stride_h * g.stride_w == 1 && g.pad_h + g.pad_w == 0;
  }

  /// Makes one row of every image.
  static void flatten(ConvArguments& a) {
    for (View<const float>* v : {&a.in, &a.in2}) {
      v->shape.w *= v->shape.h;
      v->shape.h = 1;
    }
  }

  /// Input channels of a job: several blocks where few taps share a pass, if that leaves every
  /// thread enough jobs. The cut does not change a result.
  [[nodiscard]] std::int64_t choose_step() const {
    const std::int64_t taps = std::min<std::int64_t>(kTaps, p_.g.kernel_w);
    for (std::int64_t blocks = std::min<std::int64_t>(4, kTaps / taps); blocks > 1; --blocks) {
      const std::int64_t jobs =
          p_.g.groups * panels_ * ceil_div(in_, blocks * kBlock) * p_.g.kernel_h * tap_groups_;
      if (jobs >= 4 * p_.threads) return blocks * kBlock;
    }
    return kBlock;
  }

  void run_job(const ConvArguments& a, std::int64_t i) const {
    alignas(64) float sums[kTaps * kBlock * kWide];
    const std::int64_t tap_group = i % tap_groups_;
    i /= tap_groups_;
    const std::int64_t u = i % p_.g.kernel_h;
    i /= p_.g.kernel_h;
    const std::int64_t block = i % blocks_, panel = i / blocks_ % panels_,
                       group = i / blocks_ / panels_;
    const std::int64_t channels = std::min(step_, in_ - block * step_);
    const std::int64_t width = std::min(kWide, round_up(out_, kBlock) - panel * kWide);
    const std::int64_t taps = std::min(kTaps, p_.g.kernel_w - tap_group * kTaps);
    std::fill(sums, sums + taps * channels * kWide, 0.0f);
    const Job job{p_,
                  a.in,
                  a.in2,
                  group * out_ + panel * kWide,
                  width,
                  group * in_ + block * step_,
                  channels,
                  u,
                  tap_group * kTaps,
                  taps,
                  sums};
    const std::int64_t rows = std::max<std::int64_t>(1, kPiecePixels / a.in2.shape.w);
    for (std::int64_t n = 0; n < a.in2.shape.n; ++n) {
      for (std::int64_t h = 0; h < a.in2.shape.h; h += rows) {
        add_piece(job, n, h, std::min(h + rows, a.in2.shape.h));
      }
    }
    write(job, panel * kWide, block * step_, a.dw);
  }

  /// `o` and `c` are channels within the group.
  void write(const Job& job, std::int64_t o, std::int64_t c, float* dw) const {
    const std::int64_t first = job.o, width = std::min(job.width, out_ - o);
    for (std::int64_t l = 0; l < width; ++l) {
      for (std::int64_t i = 0; i < job.channels; ++i) {
        float* row =
            dw + (((first + l) * in_ + c + i) * p_.g.kernel_h + job.u) * p_.g.kernel_w + job.v;
        for (std::int64_t tap = 0; tap < job.taps; ++tap)
          row[tap] = job.sums[(tap * job.channels + i) * kWide + l];
      }
    }
  }

  ConvProblem p_;
  std::int64_t in_, out_, panels_, tap_groups_, step_{kBlock}, blocks_{1};
};

}  // namespace

std::unique_ptr<ConvPrimitive> make_backward_weights(const ConvProblem& p) {
  return std::make_unique<BackwardWeights>(p);
}

}  // namespace cutaway::kernels::direct
