#include "kernels/gemm.h"

#include "kernels/cpu/gemm_blocked.h"
#include "kernels/cpu/gemm_library.h"
#include "kernels/cpu/level.h"
#include "runtime/config.h"
#include "runtime/error.h"

namespace cutaway::kernels {
namespace {

void gemm_reference(const Gemm& g, int threads) {
  const std::int64_t a_row = g.transpose_a ? 1 : g.lda, a_step = g.transpose_a ? g.lda : 1;
  const std::int64_t b_column = g.transpose_b ? g.ldb : 1, b_step = g.transpose_b ? 1 : g.ldb;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::int64_t i = 0; i < g.m * g.n; ++i) {
    const std::int64_t row = i / g.n, column = i % g.n;
    double sum = 0.0;
    for (std::int64_t k = 0; k < g.k; ++k) {
      sum += static_cast<double>(g.a[row * a_row + k * a_step]) *
             static_cast<double>(g.b[column * b_column + k * b_step]);
    }
    float& c = g.c[row * g.ldc + column];
    // beta = 0 must not read c, which may be uninitialised.
    if (g.beta != 0.0f) sum += static_cast<double>(g.beta) * static_cast<double>(c);
    c = static_cast<float>(sum);
  }
}

void add_bias_and_clamp(const Gemm& g, int threads) {
  if (g.bias == nullptr && !g.relu) return;
#pragma omp parallel for schedule(static) num_threads(threads) if (g.m * g.n > 16384)
  for (std::int64_t row = 0; row < g.m; ++row) {
    float* c = g.c + row * g.ldc;
    for (std::int64_t i = 0; i < g.n; ++i) {
      const float sum = g.bias != nullptr ? c[i] + g.bias[i] : c[i];
      c[i] = g.relu && sum < 0.0f ? 0.0f : sum;
    }
  }
}

void validate(const Gemm& g) {
  const std::int64_t a_width = g.transpose_a ? g.m : g.k, b_width = g.transpose_b ? g.k : g.n;
  if (g.m < 0 || g.n < 0 || g.k < 0 || g.lda < a_width || g.ldb < b_width || g.ldc < g.n) {
    throw Error(ErrorKind::kShape, "matrix product: extents and row strides do not fit")
        .got("m " + std::to_string(g.m) + ", n " + std::to_string(g.n) + ", k " +
             std::to_string(g.k) + ", lda " + std::to_string(g.lda) + ", ldb " +
             std::to_string(g.ldb) + ", ldc " + std::to_string(g.ldc));
  }
}

void multiply(const Gemm& g, int threads) {
  switch (g.engine) {
    case GemmEngine::kReference:
      return gemm_reference(g, threads);
    case GemmEngine::kLibrary:
#if CUTAWAY_HAVE_ONEDNN
      return gemm_library(g, threads);
#else
      throw Error(ErrorKind::kUsage, "this build has no library for matrix products")
          .at("gemm:library");
#endif
    case GemmEngine::kAuto:
      break;
  }
  if (!g.transpose_a && g.transpose_b) return gemm_dot(g, threads);
  gemm_chain(g, threads);
}

}  // namespace

void run(LevelStream& stream, const Gemm& g) {
  validate(g);
  if (g.m == 0 || g.n == 0) return;
  multiply(g, stream.threads());
  add_bias_and_clamp(g, stream.threads());
}

}  // namespace cutaway::kernels
