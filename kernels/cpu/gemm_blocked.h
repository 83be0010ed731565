#pragma once

#include "kernels/gemm.h"

/// The own matrix product. Every element of c is one fixed chain of multiply-adds that depends on k
/// alone, so a row of c has the same bits whatever m, n and the number of threads are. Bias and
/// ReLU are left to the caller.
namespace cutaway::kernels {

/// c = a b' + beta c where both a and b are read along k (a not transposed, b transposed): a fully
/// connected layer forward. b is streamed once for up to 48 rows of a.
void gemm_dot(const Gemm& g, int threads);

/// All other cases: b is read along n, after packing where it is used by many rows.
void gemm_chain(const Gemm& g, int threads);

}  // namespace cutaway::kernels
