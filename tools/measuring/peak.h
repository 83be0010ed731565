#pragma once

namespace cutaway::tools {

/// Single-precision GFLOP/s of independent fused multiply-adds in registers on `threads` threads:
/// what no convolution without algorithmic savings can exceed. Takes about 0.2 s.
[[nodiscard]] double measured_peak_gflops(int threads);

}  // namespace cutaway::tools
