#include "kernels/cpu/conv_winograd_weights.h"

#include <algorithm>

#include "kernels/cpu/conv_winograd_tile.h"
#include "kernels/cpu/micro_kernel.h"
#include "runtime/shape.h"

namespace cutaway::kernels::winograd {
namespace {

/// Lanes of 16 output channels, in double: the transform is done once and its error stays in every
/// result.
struct Lanes {
  double v[kBlock];
};

template <int TAPS>
using Row = Lanes[static_cast<unsigned>(TAPS)];
template <int TAPS>
using Kernel = Row<TAPS>[static_cast<unsigned>(TAPS)];

/// o = G g, one dimension: the values of the polynomial with coefficients g at the six points,
/// scaled.
template <int TAPS>
void filter_points(const Row<TAPS>& g, Row<kIn>& o) {
  for (int l = 0; l < kBlock; ++l) {
    // Even and odd powers apart: a point and its negative share them.
    double even = g[0].v[l], odd = g[1].v[l], even2 = even, odd2 = 2 * odd;
    for (int k = 2; k < TAPS; ++k) {
      (k % 2 == 0 ? even : odd) += g[k].v[l];
      (k % 2 == 0 ? even2 : odd2) += g[k].v[l] * (1 << k);
    }
    o[0].v[l] = g[0].v[l] / 4;
    o[1].v[l] = -(even + odd) / 6;
    o[2].v[l] = -(even - odd) / 6;
    o[3].v[l] = (even2 + odd2) / 24;
    o[4].v[l] = (even2 - odd2) / 24;
    o[5].v[l] = g[TAPS - 1].v[l];
  }
}

/// The taps of input channel `in` for output channels [first, first + 16), zero beyond the last.
template <int TAPS>
void gather(
    const Weights& s, const float* w, std::int64_t first, std::int64_t in, Kernel<TAPS>& taps) {
  for (int l = 0; l < kBlock; ++l) {
    const std::int64_t out = first + l;
    const bool inside = out < s.out && in < s.in;
    const float* filter = w + (s.flipped ? in * s.out + out : out * s.in + in) * (TAPS * TAPS);
    for (int tap = 0; tap < TAPS * TAPS; ++tap) {
      const int source = s.flipped ? TAPS * TAPS - 1 - tap : tap;
      taps[tap / TAPS][tap % TAPS].v[l] = inside ? static_cast<double>(filter[source]) : 0.0;
    }
  }
}

template <int TAPS>
void transform_block(const Kernel<TAPS>& taps, float* u, std::int64_t point_stride) {
  Row<kIn> half[static_cast<unsigned>(TAPS)];
  for (int j = 0; j < TAPS; ++j) {
    Row<TAPS> column;
    for (int i = 0; i < TAPS; ++i) column[i] = taps[i][j];
    filter_points<TAPS>(column, half[j]);
  }
  for (int i = 0; i < kIn; ++i) {
    Row<TAPS> row;
    Row<kIn> o;
    for (int j = 0; j < TAPS; ++j) row[j] = half[j][i];
    filter_points<TAPS>(row, o);
    for (int j = 0; j < kIn; ++j) {
      float* to = u + (i * kIn + j) * point_stride;
      for (int l = 0; l < kBlock; ++l) to[l] = static_cast<float>(o[j].v[l]);
    }
  }
}

template <int TAPS>
void transform_all(const Weights& s, const float* w, float* u, int threads) {
  const std::int64_t in = round_up(s.in, kBlock), out = round_up(s.out, kBlock);
  constexpr std::int64_t kWide = std::max<std::int64_t>(kPanel, kBlock);
#pragma omp parallel for schedule(static) num_threads(threads) collapse(2)
  for (std::int64_t first = 0; first < out; first += kBlock) {
    for (std::int64_t c = 0; c < in; ++c) {
      const std::int64_t panel = first / kWide * kWide;
      const std::int64_t width = std::min(kWide, out - panel);
      Kernel<TAPS> taps;
      gather<TAPS>(s, w, first, c, taps);
      transform_block<TAPS>(taps, u + panel * in + c * width + (first - panel), in * out);
    }
  }
}

}  // namespace

std::int64_t Weights::transformed() const {
  return kPoints * round_up(in, kBlock) * round_up(out, kBlock);
}

void transform(const Weights& s, const float* w, float* u, int threads) {
  s.taps == 5 ? transform_all<5>(s, w, u, threads) : transform_all<3>(s, w, u, threads);
}

}  // namespace cutaway::kernels::winograd
