#pragma once

#include "runtime/stream.h"

/// A source below kernels/cpu is compiled once for every level (cmake/levels.cmake), each time with
/// the compiler told to use that instruction set, and with CUTAWAY_CPU_LEVEL. It defines functions
/// whose parameters name the level,
///   void run(LevelStream& stream, const K& k)          declared by CUTAWAY_KERNEL
///   R make_it(ThisLevel, ...)                          declared by CUTAWAY_PER_LEVEL
/// and whatever else it likes: all other symbols of a level, the standard library's templates above
/// all, are made local to it, so that no other code can come upon an instruction that its processor
/// does not have.
namespace cutaway {

#if !defined(CUTAWAY_CPU_LEVEL)
#define CUTAWAY_CPU_LEVEL kBaseline
#endif
using ThisLevel = AtLevel<CpuLevel::CUTAWAY_CPU_LEVEL>;
using LevelStream = CpuStreamAt<CpuLevel::CUTAWAY_CPU_LEVEL>;

}  // namespace cutaway
