#pragma once

#include "kernels/cuda/conv_implicit_gemm.h"
#include "kernels/cuda/conv_tile.cuh"

// The weight gradient on channels-last tensors: depth is pixels, so both operands are read along
// their channels. Pixels are split among blocks; every block writes its own partial sums, and
// SumSplits adds them in order.
namespace cutaway::kernels {

/// Loads V neighbouring channels of dy for kDepth pixels.
template <class Tile, int V>
struct PixelChannels {
  static constexpr int kPerRow = Tile::kM / V;
  static constexpr int kStep = Tile::kThreads / kPerRow;
  static constexpr int kLoads = Tile::kDepth / kStep;

  const WeightsGemm& g;
  const float* from;
  int first_pixel, last_pixel;
  int depth, column;
  bool real;
  float held[static_cast<unsigned>(kLoads * V)];

  __device__ __forceinline__
  PixelChannels(const WeightsGemm& gemm, int group, int first_channel, int first, int last)
      : g(gemm),
        from(gemm.dy.data + std::int64_t{group} * gemm.outputs),
        first_pixel(first),
        last_pixel(last),
        depth(static_cast<int>(threadIdx.x) / kPerRow),
        column(static_cast<int>(threadIdx.x) % kPerRow * V),
        real(first_channel + column < gemm.outputs) {
    if (real) from += first_channel + column;
  }

  __device__ __forceinline__ void fetch(int first) {
    CUTAWAY_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      const int pixel = first_pixel + first + depth + i * kStep;
      const bool inside = real && pixel < last_pixel;
      const Pixel p = g.pixels.pixel(static_cast<std::uint32_t>(inside ? pixel : 0));
      load_or_zero<V>(from + (p.n * g.dy.n + p.h * g.dy.h + p.w * g.dy.w), inside, held + i * V);
    }
  }
  __device__ __forceinline__ void store(float (*to)[Tile::kStrideA]) const {
    CUTAWAY_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      store_floats<V>(&to[depth + i * kStep][column], held + i * V);
    }
  }
};

/// Loads V neighbouring channels of the pixels of x that one tap pairs with kDepth pixels of dy.
template <class Tile, int V>
struct PixelTaps {
  static constexpr int kPerRow = Tile::kN / V;
  static constexpr int kStep = Tile::kThreads / kPerRow;
  static constexpr int kLoads = Tile::kDepth / kStep;

  const WeightsGemm& g;
  const float* from;
  int first_pixel, last_pixel;
  int depth, column;
  Depth tap;
  bool real;
  float held[static_cast<unsigned>(kLoads * V)];

  __device__ __forceinline__
  PixelTaps(const WeightsGemm& gemm, int group, int first_column, int first, int last)
      : g(gemm),
        first_pixel(first),
        last_pixel(last),
        depth(static_cast<int>(threadIdx.x) / kPerRow),
        column(static_cast<int>(threadIdx.x) % kPerRow * V),
        tap(gemm.depth_map.at(static_cast<std::uint32_t>(first_column + column))),
        real(first_column + column < gemm.columns) {
    from = g.x.data + std::int64_t{group} * g.in_channels + tap.c;
  }

  __device__ __forceinline__ void fetch(int first) {
    CUTAWAY_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      const int pixel = first_pixel + first + depth + i * kStep;
      const Pixel p = g.pixels.pixel(static_cast<std::uint32_t>(pixel));
      const std::int32_t h = g.h.source<false>(g.h.origin(p.h), tap.u);
      const std::int32_t w = g.w.source<false>(g.w.origin(p.w), tap.v);
      const bool inside = real && pixel < last_pixel && h >= 0 && w >= 0;
      const std::int64_t at = p.n * g.x.n + h * g.x.h + w * g.x.w;
      load_or_zero<V>(from + (inside ? at : 0), inside, held + i * V);
    }
  }
  __device__ __forceinline__ void store(float (*to)[Tile::kStrideB]) const {
    CUTAWAY_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      store_floats<V>(&to[depth + i * kStep][column], held + i * V);
    }
  }
};

/// Grid: tiles of outputs, tiles of (tap, input), split * groups + group.
template <class Tile, int V>
__global__ void __launch_bounds__(Tile::kThreads)
    conv_weights_kernel(const __grid_constant__ WeightsGemm g) {
  __shared__ TileMemory<Tile> memory;
  const int thread = static_cast<int>(threadIdx.x);
  const int first_output = static_cast<int>(blockIdx.x) * Tile::kM;
  const int first_column = static_cast<int>(blockIdx.y) * Tile::kN;
  const int group = static_cast<int>(blockIdx.z) % g.groups;
  const int split = static_cast<int>(blockIdx.z) / g.groups;
  const int first = split * g.split_pixels;
  const int last = first + g.split_pixels < g.pixel_count ? first + g.split_pixels : g.pixel_count;

  PixelChannels<Tile, V> a(g, group, first_output, first, last);
  PixelTaps<Tile, V> b(g, group, first_column, first, last);
  Results<Tile> results;
  accumulate<Tile>(a, b, (last - first + Tile::kDepth - 1) / Tile::kDepth, memory, results);

  // blockIdx.z counts splits of groups, and so does the memory.
  float* to = g.partial + std::int64_t{static_cast<int>(blockIdx.z)} * g.outputs * g.columns;
  CUTAWAY_UNROLL
  for (int i = 0; i < Tile::kOwnM; ++i) {
    const int output = first_output + tile_element(thread / Tile::kThreadsN, Tile::kThreadsM, i);
    if (output >= g.outputs) continue;
    CUTAWAY_UNROLL
    for (int j = 0; j < Tile::kOwnN; j += V) {
      const int column = first_column + tile_element(thread % Tile::kThreadsN, Tile::kThreadsN, j);
      if (column >= g.columns) continue;
      store_floats<V>(to + std::int64_t{output} * g.columns + column, &results[i][j]);
    }
  }
}

template <class Tile, class Queue>
void launch_conv_weights(Queue queue, const WeightsGemm& g, std::int64_t splits) {
  const dim3 grid(static_cast<unsigned>(ceil_div(g.outputs, Tile::kM)),
                  static_cast<unsigned>(ceil_div(g.columns, Tile::kN)),
                  static_cast<unsigned>(splits * g.groups));
  const dim3 block(Tile::kThreads);
  if (ImplicitGemm::vector_loads(g)) {
    CUTAWAY_LAUNCH((conv_weights_kernel<Tile, 4>), grid, block, 0, queue, g);
  } else {
    CUTAWAY_LAUNCH((conv_weights_kernel<Tile, 1>), grid, block, 0, queue, g);
  }
}

/// Queues the partial sums of a weight gradient.
template <class Queue>
void launch_conv_weights(Queue queue, const WeightsGemm& g, std::int64_t splits) {
  if (g.outputs > 64) {
    launch_conv_weights<ConvTile<128, 64>>(queue, g, splits);
  } else {
    launch_conv_weights<ConvTile<64, 64>>(queue, g, splits);
  }
}

}  // namespace cutaway::kernels
