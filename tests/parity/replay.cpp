#include "tests/parity/replay.h"

#include "runtime/config.h"
#include "runtime/error.h"

#if CUTAWAY_HAVE_CUDA
#include <cuda_runtime_api.h>

#include "runtime/cuda/check.h"
#endif

namespace parity {

#if CUTAWAY_HAVE_CUDA

namespace {

/// A captured and instantiated graph.
class Graph {
 public:
  Graph(cutaway::Stream& stream, cudaStream_t queue, const Launch& launch) {
    CUTAWAY_CUDA(cudaStreamBeginCapture(queue, cudaStreamCaptureModeThreadLocal));
    try {
      launch(stream);
    } catch (...) {
      (void)cudaStreamEndCapture(queue, &graph_);
      release();
      throw;
    }
    CUTAWAY_CUDA(cudaStreamEndCapture(queue, &graph_));
    if (const cudaError_t status = cudaGraphInstantiate(&executable_, graph_, 0);
        status != cudaSuccess) {
      release();
      CUTAWAY_CUDA(status);
    }
  }
  ~Graph() { release(); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(cudaStream_t queue) const { CUTAWAY_CUDA(cudaGraphLaunch(executable_, queue)); }

 private:
  void release() noexcept {
    if (executable_ != nullptr) (void)cudaGraphExecDestroy(executable_);
    if (graph_ != nullptr) (void)cudaGraphDestroy(graph_);
  }
  cudaGraph_t graph_{};
  cudaGraphExec_t executable_{};
};

}  // namespace

void replay(cutaway::Stream& stream, const Launch& launch) {
  const auto* cuda = std::get_if<cutaway::CudaStream>(&stream);
  cutaway::check(cuda != nullptr, "replay needs a CUDA stream");
  const auto queue = static_cast<cudaStream_t>(cuda->handle());
  const Graph graph(stream, queue, launch);
  graph.launch(queue);
  cutaway::synchronize(stream);
}

#else

void replay(cutaway::Stream&, const Launch&) {
  throw cutaway::Error(cutaway::ErrorKind::kInternal, "replay needs a CUDA stream");
}

#endif

}  // namespace parity
