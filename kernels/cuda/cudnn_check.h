#pragma once

#include <string>

#include "kernels/cuda/late_library.h"
#include "runtime/error.h"
#include "runtime/stream.h"

namespace cutaway::kernels {

/// "CUDNN_STATUS_NOT_SUPPORTED (3000): " and what cuDNN itself says about its last error.
[[nodiscard]] inline std::string cudnn_message(cudnnStatus_t status) {
  char detail[256] = "";
  cudnnGetLastErrorString(detail, sizeof detail);
  std::string text = std::string(cudnnGetErrorString(status)) + " (" +
                     std::to_string(static_cast<int>(status)) + ")";
  return detail[0] == '\0' ? text : text + ": " + detail;
}

inline void require_cudnn(cudnnStatus_t status, const std::string& call) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  throw Error(ErrorKind::kDevice, "cuDNN: " + call + " failed").got(cudnn_message(status));
}

/// A cudnnHandle_t of the current device, or of a stream.
class CudnnHandle {
 public:
  CudnnHandle() { require_cudnn(cudnnCreate(&handle_), "cudnnCreate"); }
  ~CudnnHandle() { (void)cudnnDestroy(handle_); }
  CudnnHandle(const CudnnHandle&) = delete;
  CudnnHandle& operator=(const CudnnHandle&) = delete;
  [[nodiscard]] cudnnHandle_t get() const noexcept { return handle_; }

 private:
  cudnnHandle_t handle_{};
};

/// The handle bound to `stream`, made on first use.
[[nodiscard]] cudnnHandle_t cudnn_handle(const CudaStream& stream);

}  // namespace cutaway::kernels
