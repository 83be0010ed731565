#include <dnnl.h>
#include <omp.h>

#include "kernels/cpu/gemm_library.h"
#include "kernels/cpu/library_isa.h"
#include "runtime/error.h"

namespace cutaway::kernels {

void gemm_library(const Gemm& g, int threads) {
  match_library_isa();
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  const dnnl_status_t status =
      dnnl_sgemm(g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N', g.m, g.n, g.k, 1.0f, g.a,
                 g.lda, g.b, g.ldb, g.beta, g.c, g.ldc);
  omp_set_num_threads(before);
  if (status != dnnl_success) {
    throw Error(ErrorKind::kDevice, "oneDNN: sgemm failed").got(std::to_string(status));
  }
}

}  // namespace cutaway::kernels
