#pragma once

#include <cuda_runtime_api.h>

namespace cutaway::cuda {

/// Throws kDevice with the expression, the error's name and text, and the source line.
[[noreturn]] void fail(cudaError_t status, const char* expression, const char* file, int line);

}  // namespace cutaway::cuda

#define CUTAWAY_CUDA(expression)                                                            \
  do {                                                                                      \
    if (const cudaError_t cutaway_status_ = (expression); cutaway_status_ != cudaSuccess) { \
      ::cutaway::cuda::fail(cutaway_status_, #expression, __FILE__, __LINE__);              \
    }                                                                                       \
  } while (false)
