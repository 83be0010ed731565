#pragma once

#include "kernels/gemm.h"

/// The CUDA kernels behind run(CudaStream&, Gemm), without CUDA's headers.
namespace cutaway::kernels {

/// All of `g`, one thread a result, sums in double in the order of k.
void gemm_reference(CudaStream& stream, const Gemm& g);

/// c += bias of its column, then max(c, 0), as `g` asks; nothing when it asks for neither.
void gemm_epilogue(CudaStream& stream, const Gemm& g);

}  // namespace cutaway::kernels
