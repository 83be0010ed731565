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

namespace {

/// Waits for everything queued on a device: our streams do not wait for copies, nor copies for
/// them.
void drain(Device device) {
  if (device.kind != Device::Kind::kCuda) return;
  CUTAWAY_CUDA(cudaSetDevice(device.index));
  CUTAWAY_CUDA(cudaDeviceSynchronize());
}

}  // namespace

void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  drain(from_device);
  drain(to_device);
  // Not plain cudaMemcpy: from pageable memory it may return while the last piece is still on its
  // way, and only the legacy stream, which ours ignore, would wait for that.
  CUTAWAY_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, cudaStreamPerThread));
  CUTAWAY_CUDA(cudaStreamSynchronize(cudaStreamPerThread));
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
