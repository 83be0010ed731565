#pragma once

#include <string>

namespace cutaway::kernels {

/// oneDNN, which some convolutions and matrix products are given to, and the widest instructions it
/// may use in this process: "oneDNN 2.6.3, avx512_core_bf16". It asks the processor itself; a
/// process whose level was lowered before oneDNN's first use (limit_cpu_level) lowers oneDNN's too.
/// "none" in builds without it.
[[nodiscard]] std::string cpu_library_text();

}  // namespace cutaway::kernels
