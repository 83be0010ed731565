#pragma once

#include <cstdint>
#include <cstring>

#include "tests/shim/block.h"

// The words of CUDA C++ that the tiled kernels use, for g++: include this before the kernel's .cuh,
// which under nvcc includes kernels/cuda/launch.cuh instead. Not offered: inline PTX, half types,
// CUB, atomics.
#if defined(__CUDACC__)
#error "the shim stands in for nvcc"
#endif

#define __global__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
// One copy a thread of the CPU, and so one a running block.
#define __shared__ static thread_local

#define CUTAWAY_UNROLL
#define CUTAWAY_LAUNCH(kernel, grid, block, bytes, queue, ...)                               \
  (static_cast<void>(queue), ::shim::launch(::shim::Extent{(grid).x, (grid).y, (grid).z},    \
                                            ::shim::Extent{(block).x, (block).y, (block).z}, \
                                            bytes, [&] { kernel(__VA_ARGS__); }))
#define CUTAWAY_DYNAMIC_SHARED(T, name) T* name = reinterpret_cast<T*>(::shim::dynamic_shared())

// NOLINTBEGIN: CUDA's own names
struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
struct alignas(16) [[gnu::may_alias]] float4 {
  float x, y, z, w;
};
constexpr float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

extern constinit thread_local uint3 threadIdx;
extern constinit thread_local uint3 blockIdx;
extern constinit thread_local uint3 blockDim;
extern constinit thread_local uint3 gridDim;

#define __syncthreads() ::shim::sync_threads(__LINE__)
inline void __syncwarp(unsigned = ~0u) { shim::sync_warp(); }

template <class T>
T __shfl_sync(unsigned, T value, unsigned source) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t slot = 0;
  std::memcpy(&slot, &value, sizeof(T));
  slot = shim::exchange(slot, source);
  std::memcpy(&value, &slot, sizeof(T));
  return value;
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, unsigned bits) {
  return __shfl_sync(mask, value, shim::lane() ^ bits);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance) {
  const unsigned lane = shim::lane();
  return __shfl_sync(mask, value, lane + distance < 32 ? lane + distance : lane);
}
// NOLINTEND
