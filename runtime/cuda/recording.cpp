#include "runtime/recording.h"

#include <cuda_runtime_api.h>

#include "runtime/cuda/check.h"
#include "runtime/cuda/handles.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

cudaStream_t queue_of(Stream& stream) {
  auto* cuda = std::get_if<CudaStream>(&stream);
  if (cuda == nullptr) throw Error(ErrorKind::kInternal, "CPU streams do not record");
  return cuda->state().stream;
}

void destroy(cudaGraphExec_t graph) noexcept { (void)cudaGraphExecDestroy(graph); }

}  // namespace

void begin_recording(Stream& stream) {
  // Thread-local: other executors on other threads go on as they like.
  CUTAWAY_CUDA(cudaStreamBeginCapture(queue_of(stream), cudaStreamCaptureModeThreadLocal));
}

Recording end_recording(Stream& stream) {
  cudaGraph_t graph = nullptr;
  CUTAWAY_CUDA(cudaStreamEndCapture(queue_of(stream), &graph));
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  (void)cudaGraphDestroy(graph);
  CUTAWAY_CUDA(status);
  return Recording(
      std::shared_ptr<void>(executable, [](void* p) { destroy(static_cast<cudaGraphExec_t>(p)); }));
}

void replay(Stream& stream, const Recording& recording) {
  CUTAWAY_CUDA(cudaGraphLaunch(static_cast<cudaGraphExec_t>(recording.graph()), queue_of(stream)));
}

}  // namespace cutaway
