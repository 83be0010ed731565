#include "kernels/cuda/for_each.cuh"

#include "kernels/cuda/gemm_kernels.h"

namespace cutaway::kernels {
namespace {

CUTAWAY_HD float clamped(float v, bool relu) { return relu && v < 0.0f ? 0.0f : v; }

struct GemmResult {
  Gemm g;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const std::int64_t row = i / g.n, column = i % g.n;
    const std::int64_t step_a = g.transpose_a ? g.lda : 1, step_b = g.transpose_b ? 1 : g.ldb;
    const float* a = g.a + (g.transpose_a ? row : row * g.lda);
    const float* b = g.b + (g.transpose_b ? column * g.ldb : column);
    double sum = 0.0;
    for (std::int64_t k = 0; k < g.k; ++k) {
      sum += static_cast<double>(a[k * step_a]) * static_cast<double>(b[k * step_b]);
    }
    float* c = g.c + row * g.ldc + column;
    if (g.beta != 0.0f) sum += static_cast<double>(g.beta) * static_cast<double>(*c);
    if (g.bias != nullptr) sum += static_cast<double>(g.bias[column]);
    *c = clamped(static_cast<float>(sum), g.relu);
  }
};

struct GemmEpilogue {
  float* c;
  const float* bias;
  std::int64_t n, ldc;
  bool relu;

  CUTAWAY_HD void operator()(std::int64_t i) const {
    const std::int64_t row = i / n, column = i % n;
    float* at = c + row * ldc + column;
    *at = clamped(bias != nullptr ? *at + bias[column] : *at, relu);
  }
};

}  // namespace

void gemm_reference(CudaStream& stream, const Gemm& g) {
  for_each_index(stream, g.m * g.n, GemmResult{g});
}

void gemm_epilogue(CudaStream& stream, const Gemm& g) {
  if (g.bias == nullptr && !g.relu) return;
  for_each_index(stream, g.m * g.n, GemmEpilogue{g.c, g.bias, g.n, g.ldc, g.relu});
}

}  // namespace cutaway::kernels
