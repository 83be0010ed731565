#pragma once

#include "kernels/gemm.h"

namespace cutaway::kernels {

/// c = a' b' + beta c by oneDNN; bias and ReLU are left to the caller. Only in builds that have
/// oneDNN.
void gemm_library(const Gemm& g, int threads);

}  // namespace cutaway::kernels
