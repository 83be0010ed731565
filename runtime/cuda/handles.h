#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "runtime/stream.h"

namespace cutaway {

/// What belongs to one CUDA stream. Library handles are type-erased here because runtime/ knows
/// neither cuDNN nor cuBLAS; kernels/cuda creates them on first use.
struct CudaStream::State {
  cudaStream_t stream{};
  std::shared_ptr<void> cudnn;
  std::shared_ptr<void> cublas;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    cudnn.reset();
    cublas.reset();
    if (stream != nullptr) (void)cudaStreamDestroy(stream);
  }
};

}  // namespace cutaway
