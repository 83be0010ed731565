#pragma once

#include <cuda_runtime.h>

#include "runtime/cuda/check.h"

// What the tiled kernels (*.cuh) say instead of CUDA's own syntax, so that the same lines also
// compile with g++ and run on the CPU in tests (tests/shim/cuda_shim.h defines these words for it).
#define CUTAWAY_UNROLL _Pragma("unroll")
#define CUTAWAY_LAUNCH(kernel, grid, block, bytes, queue, ...) \
  do {                                                         \
    kernel<<<grid, block, bytes, queue>>>(__VA_ARGS__);        \
    CUTAWAY_CUDA(cudaGetLastError());                          \
  } while (false)
#define CUTAWAY_DYNAMIC_SHARED(T, name)                       \
  extern __shared__ __align__(16) unsigned char name##_raw[]; \
  T* name = reinterpret_cast<T*>(name##_raw)
