#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/engine.h"
#include "kernels/run.h"

namespace cutaway::kernels {

enum class GemmEngine : std::uint8_t { kAuto, kLibrary, kReference };

/// c = a' b' + beta c (+ row_bias), row-major: a' is m x k (a, or a transposed when transpose_a,
/// then a is stored k x m), b' is k x n. lda, ldb, ldc are row strides in elements of the stored
/// matrices. bias, when not null, has n floats added to every row of c; relu clamps the result at
/// 0.
struct Gemm {
  bool transpose_a{false}, transpose_b{false};
  std::int64_t m{}, n{}, k{};
  const float* a{};
  std::int64_t lda{};
  const float* b{};
  std::int64_t ldb{};
  float beta{0.0f};
  float* c{};
  std::int64_t ldc{};
  const float* bias{};
  bool relu{false};
  GemmEngine engine{GemmEngine::kAuto};
};
CUTAWAY_KERNEL(Gemm);

/// The engine that "gemm:NAME" in EngineOptions forces: "library" (oneDNN, cuBLAS) or "reference".
[[nodiscard]] GemmEngine gemm_engine(const EngineOptions& options);

}  // namespace cutaway::kernels
