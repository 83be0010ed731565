#pragma once

#include "kernels/cuda/conv_implicit_gemm.h"
#include "kernels/cuda/conv_tile.cuh"

// Forward convolution and its data gradient on channels-last tensors, without a matrix in memory:
// the tile's loader computes which pixel a row and a tap mean. One block owns one tile of results:
// no atomics.
namespace cutaway::kernels {

/// Where the window of a row starts in the source.
struct alignas(16) RowOrigin {
  std::int64_t image;  ///< offset of its image
  std::int32_t h, w;
};

/// Loads source channels along the depth for the tile's rows.
template <class Tile, int V, bool kStrided>
struct GatheredRows {
  static constexpr int kPerRow = Tile::kDepth / V;
  static constexpr int kStep = Tile::kThreads / kPerRow;
  static constexpr int kLoads = Tile::kM / kStep;

  const RowsGemm& g;
  const float* group;  ///< first channel of the group
  const RowOrigin* rows;
  int depth, row;  ///< of this thread's first load
  float held[static_cast<unsigned>(kLoads * V)];

  __device__ __forceinline__ GatheredRows(const RowsGemm& gemm, int group_, const RowOrigin* rows_)
      : g(gemm),
        group(gemm.in.data + std::int64_t{group_} * gemm.in_channels),
        rows(rows_),
        depth(static_cast<int>(threadIdx.x) % kPerRow * V),
        row(static_cast<int>(threadIdx.x) / kPerRow) {}

  __device__ __forceinline__ void fetch(int first) {
    const int k = first + depth;
    const Depth d = g.depth_map.at(static_cast<std::uint32_t>(k));
    CUTAWAY_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      const RowOrigin origin = rows[row + i * kStep];
      const std::int32_t h = g.h.template source<kStrided>(origin.h, d.u);
      const std::int32_t w = g.w.template source<kStrided>(origin.w, d.v);
      const bool real = k < g.depth && h >= 0 && w >= 0;
      const std::int64_t at = origin.image + h * g.in.h + w * g.in.w + d.c;
      load_or_zero<V>(group + (real ? at : 0), real, held + i * V);
    }
  }
  __device__ __forceinline__ void store(float (*to)[Tile::kStrideA]) const {
    CUTAWAY_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      CUTAWAY_UNROLL
      for (int e = 0; e < V; ++e) to[depth + e][row + i * kStep] = held[i * V + e];
    }
  }
};

/// Loads columns of the weight matrix.
template <class Tile>
struct MatrixColumns {
  static constexpr int kPerRow = Tile::kN / 4;
  static constexpr int kStep = Tile::kThreads / kPerRow;
  static constexpr int kLoads = Tile::kDepth / kStep;

  const RowsGemm& g;
  const float* from;
  int depth, column;
  bool real;
  float held[static_cast<unsigned>(kLoads * 4)];

  __device__ __forceinline__ MatrixColumns(const RowsGemm& gemm, int group, int first_column)
      : g(gemm),
        depth(static_cast<int>(threadIdx.x) / kPerRow),
        column(static_cast<int>(threadIdx.x) % kPerRow * 4),
        real(first_column + column < gemm.ld) {
    from = g.matrix + std::int64_t{group} * g.depth * g.ld + (real ? first_column + column : 0);
  }

  __device__ __forceinline__ void fetch(int first) {
    CUTAWAY_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      const int k = first + depth + i * kStep;
      const bool inside = real && k < g.depth;
      load_or_zero<4>(from + (inside ? std::int64_t{k} * g.ld : 0), inside, held + i * 4);
    }
  }
  __device__ __forceinline__ void store(float (*to)[Tile::kStrideB]) const {
    CUTAWAY_UNROLL
    for (int i = 0; i < kLoads; ++i) store_floats<4>(&to[depth + i * kStep][column], held + i * 4);
  }
};

/// Four neighbouring results of one pixel: bias, ReLU, and zero in the padding lanes.
__device__ __forceinline__ void write_results(
    const RowsGemm& g, float* to, int group, int column, const float* sums) {
  const int lanes = group_lanes(group, g.groups, g.columns, g.out_lanes);
  float value[4];
  CUTAWAY_UNROLL
  for (int e = 0; e < 4; ++e) {
    const bool real = column + e < g.columns;
    float v = sums[e];
    if (real && g.bias != nullptr) v += g.bias[group * g.columns + column + e];
    if (g.relu && v < 0.0f) v = 0.0f;  // NaN stays
    value[e] = real ? v : 0.0f;
  }
  if (g.vector_store && column + 3 < lanes) {
    store_floats<4>(to + column, value);
  } else {
    CUTAWAY_UNROLL
    for (int e = 0; e < 4; ++e) {
      if (column + e < lanes) to[column + e] = value[e];
    }
  }
}

/// Grid: tiles of rows, tiles of columns, groups.
template <class Tile, int V, bool kStrided>
__global__ void __launch_bounds__(Tile::kThreads)
    conv_rows_kernel(const __grid_constant__ RowsGemm g) {
  __shared__ TileMemory<Tile> memory;
  __shared__ RowOrigin origins[Tile::kM];
  const int thread = static_cast<int>(threadIdx.x);
  const int first_row = static_cast<int>(blockIdx.x) * Tile::kM;
  const int first_column = static_cast<int>(blockIdx.y) * Tile::kN;
  const int group = static_cast<int>(blockIdx.z);

  for (int i = thread; i < Tile::kM; i += Tile::kThreads) {
    RowOrigin origin{0, ConvAxis::kOutside, ConvAxis::kOutside};
    if (first_row + i < g.rows) {
      const Pixel p = g.pixels.pixel(static_cast<std::uint32_t>(first_row + i));
      origin = {p.n * g.in.n, g.h.origin(p.h), g.w.origin(p.w)};
    }
    origins[i] = origin;
  }
  __syncthreads();

  GatheredRows<Tile, V, kStrided> a(g, group, origins);
  MatrixColumns<Tile> b(g, group, first_column);
  Results<Tile> results;
  accumulate<Tile>(a, b, (g.depth + Tile::kDepth - 1) / Tile::kDepth, memory, results);

  CUTAWAY_UNROLL
  for (int i = 0; i < Tile::kOwnM; ++i) {
    const int row = first_row + tile_element(thread / Tile::kThreadsN, Tile::kThreadsM, i);
    if (row >= g.rows) continue;
    const Pixel p = g.pixels.pixel(static_cast<std::uint32_t>(row));
    float* to = g.out.at(p.n, p.h, p.w) + std::int64_t{group} * g.columns;
    CUTAWAY_UNROLL
    for (int j = 0; j < Tile::kOwnN; j += 4) {
      const int column = first_column + tile_element(thread % Tile::kThreadsN, Tile::kThreadsN, j);
      write_results(g, to, group, column, &results[i][j]);
    }
  }
}

template <class Tile, class Queue>
void launch_conv_rows(Queue queue, const RowsGemm& g, bool vector, bool strided) {
  // Padding lanes belong to the columns of the last group.
  const int columns =
      std::max(g.columns, group_lanes(g.groups - 1, g.groups, g.columns, g.out_lanes));
  const dim3 grid(static_cast<unsigned>(ceil_div(g.rows, Tile::kM)),
                  static_cast<unsigned>(ceil_div(columns, Tile::kN)),
                  static_cast<unsigned>(g.groups));
  const dim3 block(Tile::kThreads);
  if (vector && strided) {
    CUTAWAY_LAUNCH((conv_rows_kernel<Tile, 4, true>), grid, block, 0, queue, g);
  } else if (vector) {
    CUTAWAY_LAUNCH((conv_rows_kernel<Tile, 4, false>), grid, block, 0, queue, g);
  } else if (strided) {
    CUTAWAY_LAUNCH((conv_rows_kernel<Tile, 1, true>), grid, block, 0, queue, g);
  } else {
    CUTAWAY_LAUNCH((conv_rows_kernel<Tile, 1, false>), grid, block, 0, queue, g);
  }
}

/// Queues a forward pass or a data gradient. The sum of every result runs in the order of the depth
/// whatever the tile, so the choice of the tile does not show in the bits.
template <class Queue>
void launch_conv_rows(Queue queue, const RowsGemm& g, bool strided) {
  const std::int64_t large = ceil_div(g.rows, 128) * ceil_div(g.columns, 64) * g.groups;
  // Half-size tiles while whole ones would leave some of the multiprocessors of an H100 (132)
  // without work.
  if (large >= 132) {
    launch_conv_rows<ConvTile<128, 64>>(queue, g, ImplicitGemm::vector_loads(g), strided);
  } else {
    launch_conv_rows<ConvTile<64, 64>>(queue, g, ImplicitGemm::vector_loads(g), strided);
  }
}

}  // namespace cutaway::kernels
