#include "kernels/cpu/conv_direct_kernel.h"

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/micro_kernel.h"

namespace cutaway::kernels::direct {
namespace {

/// T pixels from `first` on, J vectors of channels from `column` on.
template <int T, int J>
[[gnu::noinline]] void convolve_tile(const RowJob& job, std::int64_t first, std::int64_t column) {
  Tile<T, J> sum;
  float* out = job.out + first * job.out_pixel + column / kBlock * job.out_block + column % kBlock;
#pragma GCC unroll 12
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) {
      sum.c[t][j] = job.start != nullptr
                        ? load(job.start + column + j * kVecWidth)
                        : load(out + t * job.out_pixel + lane_offset(j, job.out_block));
    }
  }
  const float* in = job.in + first * job.in_pixel;
  const float* weights = job.weights + column;
  for (const Run& run : job.runs) {
    if (job.ahead) {
#pragma GCC unroll 12
      for (int t = 0; t < T; ++t)
        __builtin_prefetch(in + run.offset + (T + t) * job.in_pixel, 0, 2);
    }
    sum.accumulate(in + run.offset, job.in_pixel, job.run_step, weights, job.width, run.count);
    weights += run.count * job.width;
  }
#pragma GCC unroll 12
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) {
      store(out + t * job.out_pixel + lane_offset(j, job.out_block),
            job.relu ? clamp_at_zero(sum.c[t][j]) : sum.c[t][j]);
    }
  }
}

/// Cuts the row into tiles of nearly equal length: 13 pixels are 5 + 4 + 4, not 6 + 6 + 1.
template <int J>
void convolve_columns(const RowJob& job, std::int64_t column) {
  constexpr std::int64_t kMost = std::min(most_rows(J), 8);
  const std::int64_t tiles = (job.pixels + kMost - 1) / kMost;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t first = job.pixels * tile / tiles,
                       count = job.pixels * (tile + 1) / tiles - first;
    switch (count) {
      case 1:
        convolve_tile<1, J>(job, first, column);
        break;
      case 2:
        convolve_tile<2, J>(job, first, column);
        break;
      case 3:
        convolve_tile<3, J>(job, first, column);
        break;
      case 4:
        convolve_tile<4, J>(job, first, column);
        break;
      case 5:
        convolve_tile<5, J>(job, first, column);
        break;
      case 6:
        convolve_tile<6, J>(job, first, column);
        break;
      case 7:
        convolve_tile<std::min<int>(7, kMost), J>(job, first, column);
        break;
      default:
        convolve_tile<std::min<int>(8, kMost), J>(job, first, column);
        break;
    }
  }
}

}  // namespace

void convolve_row(const RowJob& job) {
  for (std::int64_t column = 0; column < job.channels; column += kPanel) {
    switch (std::min<std::int64_t>(kPanelVecs, ceil_div(job.channels - column, kVecWidth))) {
      case 1:
        convolve_columns<1>(job, column);
        break;
      case 2:
        convolve_columns<2>(job, column);
        break;
      case 3:
        convolve_columns<std::min(3, kPanelVecs)>(job, column);
        break;
      default:
        convolve_columns<kPanelVecs>(job, column);
        break;
    }
  }
}

}  // namespace cutaway::kernels::direct
