#pragma once

#include "runtime/stream.h"

namespace cutaway {

/// While it lives, numbers too small for a float's normal range count as 0 on the calling thread
/// and on the threads that a CPU stream computes with (x86: FTZ and DAZ; ARM: FZ). Arithmetic on
/// such numbers takes processors up to a hundred times longer, and a net whose activations fade
/// makes millions of them; none of them changes a sum that is worth looking at. Before and after,
/// every thread has the setting that it had. Does nothing on other processors and for CUDA streams.
class FlushDenormals {
 public:
  explicit FlushDenormals(const Stream& stream);
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  int threads_{0};
  unsigned long before_{0};  // the calling thread's setting
};

/// Whether denormal numbers count as 0 on the calling thread.
[[nodiscard]] bool flushes_denormals() noexcept;

}  // namespace cutaway
