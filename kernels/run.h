#pragma once

#include <variant>

#include "runtime/stream.h"

namespace cutaway::kernels {

/// The whole dispatcher, for every kernel there will ever be: a kernel is an argument struct, and
/// its implementations are the overloads run(CudaStream&, K) and run(CpuStreamAt<level>&, K). One
/// that is missing is a link error.
template <class K>
void run(CpuStream& stream, const K& kernel) {
  at_level(stream.level(), [&]<CpuLevel kLevel>(AtLevel<kLevel>) {
    CpuStreamAt<kLevel> at(stream);
    run(at, kernel);
  });
}

template <class K>
void run(Stream& stream, const K& kernel) {
  std::visit([&](auto& s) { run(s, kernel); }, stream);
}

}  // namespace cutaway::kernels

/// Declares the implementations of a kernel for the CPU, one a level.
#if CUTAWAY_CPU_LEVELS > 1
#define CUTAWAY_CPU_KERNEL(K)                              \
  void run(CpuStreamAt<CpuLevel::kBaseline>&, const K& k); \
  void run(CpuStreamAt<CpuLevel::kAvx2>&, const K& k);     \
  void run(CpuStreamAt<CpuLevel::kAvx512>&, const K& k)
#else
#define CUTAWAY_CPU_KERNEL(K) void run(CpuStreamAt<CpuLevel::kBaseline>&, const K& k)
#endif

/// Declares all implementations of a kernel.
#if CUTAWAY_HAVE_CUDA
#define CUTAWAY_KERNEL(K) \
  CUTAWAY_CPU_KERNEL(K);  \
  void run(CudaStream&, const K& k)
#else
#define CUTAWAY_KERNEL(K) CUTAWAY_CPU_KERNEL(K)
#endif
