#pragma once

#include <variant>

#include "runtime/stream.h"

namespace cutaway::kernels {

/// The whole dispatcher, for every kernel there will ever be: a kernel is an argument struct, and
/// its implementations are the overloads run(CpuStream&, K) and run(CudaStream&, K). One that is
/// missing is a link error.
template <class K>
void run(Stream& stream, const K& kernel) {
  std::visit([&](auto& s) { run(s, kernel); }, stream);
}

}  // namespace cutaway::kernels

/// Declares both implementations of a kernel.
#if CUTAWAY_HAVE_CUDA
#define CUTAWAY_KERNEL(K)           \
  void run(CpuStream&, const K& k); \
  void run(CudaStream&, const K& k)
#else
#define CUTAWAY_KERNEL(K) void run(CpuStream&, const K& k)
#endif
