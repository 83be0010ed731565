#pragma once

#include <cmath>

// The tile that all implicit matrix products share: 128 threads own kM x kN results in registers;
// 16 steps of depth at a time pass through two buffers of shared memory, one being read while the
// next is fetched. Compiled by nvcc, and by g++ for the tests: include kernels/cuda/launch.cuh or
// tests/shim/cuda_shim.h first.
namespace cutaway::kernels {

template <int kM_, int kN_>
struct ConvTile {
  static constexpr int kM = kM_, kN = kN_, kDepth = 16, kThreads = 128;
  static constexpr int kThreadsM = 16, kThreadsN = kThreads / kThreadsM;
  static constexpr int kOwnM = kM / kThreadsM, kOwnN = kN / kThreadsN;
  // Rows are padded by 16 bytes: transposed stores then meet in two banks, not eight.
  static constexpr int kStrideA = kM + 4, kStrideB = kN + 4;
  static_assert(kOwnM % 4 == 0 && kOwnN % 4 == 0);
};

template <class Tile>
struct alignas(16) TileMemory {
  float a[2][Tile::kDepth][Tile::kStrideA];
  float b[2][Tile::kDepth][Tile::kStrideB];
};

/// V neighbouring floats, or zeros.
template <int V>
__device__ __forceinline__ void load_or_zero(const float* from, bool real, float* to) {
  if constexpr (V == 4) {
    float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (real) v = *reinterpret_cast<const float4*>(from);
    to[0] = v.x;
    to[1] = v.y;
    to[2] = v.z;
    to[3] = v.w;
  } else {
    to[0] = real ? *from : 0.0f;
  }
}

template <int V>
__device__ __forceinline__ void store_floats(float* to, const float* v) {
  if constexpr (V == 4) {
    *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
  } else {
    to[0] = v[0];
  }
}

template <class Tile>
using Results = float[Tile::kOwnM][Tile::kOwnN];

/// results += a(depth x kM)^T b(depth x kN), in the order of depth.
template <class Tile>
__device__ __forceinline__ void multiply(const float (*a)[Tile::kStrideA],
                                         const float (*b)[Tile::kStrideB],
                                         int thread_m,
                                         int thread_n,
                                         Results<Tile>& results) {
  CUTAWAY_UNROLL
  for (int k = 0; k < Tile::kDepth; ++k) {
    float left[Tile::kOwnM];
    float right[Tile::kOwnN];
    CUTAWAY_UNROLL
    for (int i = 0; i < Tile::kOwnM; i += 4) {
      load_or_zero<4>(&a[k][tile_element(thread_m, Tile::kThreadsM, i)], true, left + i);
    }
    CUTAWAY_UNROLL
    for (int j = 0; j < Tile::kOwnN; j += 4) {
      load_or_zero<4>(&b[k][tile_element(thread_n, Tile::kThreadsN, j)], true, right + j);
    }
    CUTAWAY_UNROLL
    for (int i = 0; i < Tile::kOwnM; ++i) {
      CUTAWAY_UNROLL
      // Fused by name: the build forbids the compiler to contract.
      for (int j = 0; j < Tile::kOwnN; ++j) results[i][j] = fmaf(left[i], right[j], results[i][j]);
    }
  }
}

/// Runs `chunks` steps of kDepth through the two buffers. A loader has fetch(first step), from
/// global memory to registers, and store(buffer), from registers to shared memory.
template <class Tile, class LoadA, class LoadB>
__device__ __forceinline__ void accumulate(
    LoadA& a, LoadB& b, int chunks, TileMemory<Tile>& memory, Results<Tile>& results) {
  const int thread = static_cast<int>(threadIdx.x);
  const int thread_m = thread / Tile::kThreadsN;
  const int thread_n = thread % Tile::kThreadsN;
  CUTAWAY_UNROLL
  for (int i = 0; i < Tile::kOwnM; ++i) {
    CUTAWAY_UNROLL
    for (int j = 0; j < Tile::kOwnN; ++j) results[i][j] = 0.0f;
  }
  a.fetch(0);
  b.fetch(0);
  a.store(memory.a[0]);
  b.store(memory.b[0]);
  __syncthreads();
  int buffer = 0;
  for (int chunk = 1;; ++chunk) {
    const bool more = chunk < chunks;
    if (more) {
      a.fetch(chunk * Tile::kDepth);
      b.fetch(chunk * Tile::kDepth);
    }
    multiply<Tile>(memory.a[buffer], memory.b[buffer], thread_m, thread_n, results);
    if (!more) return;
    // The other buffer was last read before the barrier that everybody has passed.
    buffer ^= 1;
    a.store(memory.a[buffer]);
    b.store(memory.b[buffer]);
    __syncthreads();
  }
}

}  // namespace cutaway::kernels
