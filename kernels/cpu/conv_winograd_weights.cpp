#include "kernels/cpu/conv_winograd_weights.h"

#include <algorithm>

#include "kernels/cpu/conv_winograd_tile.h"
#include "kernels/cpu/micro_kernel.h"
#include "runtime/shape.h"

namespace cutaway::kernels::winograd {
namespace {

constexpr int kTaps = 3;

/// Lanes of 16 output channels, in double: the transform is done once and its error stays in every
/// result.
struct Lanes {
  double v[kBlock];
};

/// o = G g, one dimension.
void filter_points(const Lanes (&g)[kTaps], Lanes (&o)[kIn]) {
  for (int l = 0; l < kBlock; ++l) {
    const double a = g[0].v[l], b = g[1].v[l], c = g[2].v[l];
    o[0].v[l] = a / 4;
    o[1].v[l] = -(a + b + c) / 6;
    o[2].v[l] = -(a - b + c) / 6;
    o[3].v[l] = (a + 2 * b + 4 * c) / 24;
    o[4].v[l] = (a - 2 * b + 4 * c) / 24;
    o[5].v[l] = c;
  }
}

/// The 9 taps of input channel `in` for output channels [first, first + 16), zero beyond the last.
void gather(const Weights& s,
            const float* w,
            std::int64_t first,
            std::int64_t in,
            Lanes (&taps)[kTaps][kTaps]) {
  for (int l = 0; l < kBlock; ++l) {
    const std::int64_t out = first + l;
    const bool inside = out < s.out && in < s.in;
    const float* filter = w + (s.flipped ? in * s.out + out : out * s.in + in) * (kTaps * kTaps);
    for (int tap = 0; tap < kTaps * kTaps; ++tap) {
      const int source = s.flipped ? kTaps * kTaps - 1 - tap : tap;
      taps[tap / kTaps][tap % kTaps].v[l] = inside ? static_cast<double>(filter[source]) : 0.0;
    }
  }
}

void transform_block(const Lanes (&taps)[kTaps][kTaps], float* u, std::int64_t point_stride) {
  Lanes half[kTaps][kIn];
  for (int j = 0; j < kTaps; ++j) {
    const Lanes column[kTaps] = {taps[0][j], taps[1][j], taps[2][j]};
    filter_points(column, half[j]);
  }
  for (int i = 0; i < kIn; ++i) {
    const Lanes row[kTaps] = {half[0][i], half[1][i], half[2][i]};
    Lanes o[kIn];
    filter_points(row, o);
    for (int j = 0; j < kIn; ++j) {
      float* to = u + (i * kIn + j) * point_stride;
      for (int l = 0; l < kBlock; ++l) to[l] = static_cast<float>(o[j].v[l]);
    }
  }
}

}  // namespace

std::int64_t Weights::transformed() const {
  return kPoints * round_up(in, kBlock) * round_up(out, kBlock);
}

void transform(const Weights& s, const float* w, float* u, int threads) {
  const std::int64_t in = round_up(s.in, kBlock), out = round_up(s.out, kBlock);
  constexpr std::int64_t kWide = std::max<std::int64_t>(kPanel, kBlock);
#pragma omp parallel for schedule(static) num_threads(threads) collapse(2)
  for (std::int64_t first = 0; first < out; first += kBlock) {
    for (std::int64_t c = 0; c < in; ++c) {
      const std::int64_t panel = first / kWide * kWide;
      const std::int64_t width = std::min(kWide, out - panel);
      Lanes taps[kTaps][kTaps];
      gather(s, w, first, c, taps);
      transform_block(taps, u + panel * in + c * width + (first - panel), in * out);
    }
  }
}

}  // namespace cutaway::kernels::winograd
