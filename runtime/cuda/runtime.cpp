#include <cuda_runtime_api.h>

#include <cstring>
#include <string>

#include "runtime/cuda/check.h"
#include "runtime/cuda/memory.h"
#include "runtime/error.h"

namespace cutaway::cuda {

void fail(cudaError_t status, const char* expression, const char* file, int line) {
  const char* base = std::strrchr(file, '/');
  throw Error(ErrorKind::kDevice, std::string(expression) + " failed")
      .got(std::string(cudaGetErrorName(status)) + " (" + std::to_string(status) +
           "): " + cudaGetErrorString(status))
      .at(std::string(base != nullptr ? base + 1 : file) + ":" + std::to_string(line));
}

std::byte* allocate(int index, std::size_t bytes) {
  CUTAWAY_CUDA(cudaSetDevice(index));
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();  // not sticky; clear it
    return nullptr;
  }
  CUTAWAY_CUDA(status);
  return static_cast<std::byte*>(data);
}

void release(int index, std::byte* data) noexcept {
  (void)cudaSetDevice(index);
  (void)cudaFree(data);
}

void copy(void* to, Device, const void* from, Device, std::size_t bytes) {
  CUTAWAY_CUDA(cudaMemcpy(to, from, bytes, cudaMemcpyDefault));
}

CudaStatus status() noexcept {
  // Without a driver cudaGetDeviceCount fails with 35 and leaves its output untouched.
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess) return {count, count > 0 ? "" : "no CUDA device"};
  (void)cudaGetLastError();
  try {
    return {0, std::string(cudaGetErrorString(status)) + ": " + cudaGetErrorName(status) + " (" +
                   std::to_string(status) + ")"};
  } catch (...) {
    return {0, {}};
  }
}

}  // namespace cutaway::cuda
