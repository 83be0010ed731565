#include <cuda_runtime_api.h>

#include <memory>
#include <string>

#include "kernels/cuda/gemm_kernels.h"
#include "kernels/cuda/late_library.h"
#include "runtime/buffer.h"
#include "runtime/cuda/check.h"
#include "runtime/cuda/handles.h"
#include "runtime/error.h"

namespace cutaway::kernels {
namespace {

void require(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(ErrorKind::kDevice, std::string("cuBLAS: ") + call + " failed")
      .got(std::string(cublasGetStatusName(status)) + " (" + std::to_string(status) + ")");
}

/// A handle bound to one stream, with a workspace of its own: cuBLAS then allocates nothing while a
/// stream is being captured, and two streams never share memory.
class CublasHandle {
 public:
  explicit CublasHandle(const CudaStream& stream)
      : workspace_(Device{Device::Kind::kCuda, stream.index()}, kWorkspaceBytes) {
    CUTAWAY_CUDA(cudaSetDevice(stream.index()));
    require(cublasCreate(&handle_), "cublasCreate");
    try {
      require(cublasSetStream(handle_, stream.state().stream), "cublasSetStream");
      // After the stream, which resets it.
      require(cublasSetWorkspace(handle_, workspace_.data(), kWorkspaceBytes),
              "cublasSetWorkspace");
      // Float32 means float32: neither TF32 nor products of bfloat16 pieces.
      require(cublasSetMathMode(handle_, CUBLAS_PEDANTIC_MATH), "cublasSetMathMode");
      require(cublasSetAtomicsMode(handle_, CUBLAS_ATOMICS_NOT_ALLOWED), "cublasSetAtomicsMode");
    } catch (...) {
      (void)cublasDestroy(handle_);
      throw;
    }
  }
  ~CublasHandle() { (void)cublasDestroy(handle_); }
  CublasHandle(const CublasHandle&) = delete;
  CublasHandle& operator=(const CublasHandle&) = delete;

  [[nodiscard]] cublasHandle_t get() const noexcept { return handle_; }

 private:
  // What cuBLAS's documentation recommends for Hopper.
  static constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

  Buffer workspace_;
  cublasHandle_t handle_{};
};

cublasHandle_t handle_of(const CudaStream& stream) {
  std::shared_ptr<void>& slot = stream.state().cublas;
  if (slot == nullptr) slot = std::make_shared<CublasHandle>(stream);
  return static_cast<const CublasHandle*>(slot.get())->get();
}

}  // namespace

void run(CudaStream& stream, const Gemm& g) {
  if (g.m == 0 || g.n == 0) return;
  if (g.engine == GemmEngine::kReference || g.k == 0) {
    gemm_reference(stream, g);
    return;
  }
  // Row-major c = a' b' is column-major c^T = b'^T a'^T, and a stored row-major matrix is already
  // transposed.
  const float one = 1.0f;
  require(cublasSgemm_64(handle_of(stream), g.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
                         g.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, g.n, g.m, g.k, &one, g.b, g.ldb,
                         g.a, g.lda, &g.beta, g.c, g.ldc),
          "cublasSgemm");
  gemm_epilogue(stream, g);
}

}  // namespace cutaway::kernels
