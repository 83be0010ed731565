#include <cuda_runtime_api.h>

#include "runtime/cuda/check.h"
#include "runtime/cuda/handles.h"
#include "runtime/stream.h"

namespace cutaway {

CudaStream::CudaStream(int index) : index_(index), state_(std::make_shared<State>()) {
  CUTAWAY_CUDA(cudaSetDevice(index));
  // Non-blocking: nothing of ours may wait for, or be waited on by, the legacy default stream.
  CUTAWAY_CUDA(cudaStreamCreateWithFlags(&state_->stream, cudaStreamNonBlocking));
}

void* CudaStream::handle() const noexcept {
  // A launch goes to the calling thread's current device, and whoever launches asks for the handle
  // first.
  (void)cudaSetDevice(index_);
  return state_->stream;
}

void synchronize(const Stream& stream) {
  if (const auto* cuda = std::get_if<CudaStream>(&stream)) {
    CUTAWAY_CUDA(cudaStreamSynchronize(cuda->state().stream));
  }
}

}  // namespace cutaway
