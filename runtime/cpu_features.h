#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/config.h"

/// Kernels for the CPU are compiled once for every level of its instruction set, and the level is
/// chosen at run time: one program runs at full speed on this year's processors and runs at all on
/// those of 2009.
namespace cutaway {

/// Instruction sets, each a superset of those before: x86-64-v2, -v3 and -v4 of the psABI ("System
/// V Application Binary Interface, AMD64 Architecture Processor Supplement", section 3.1.1). Levels
/// to come (AVX512-BF16, AMX) go to the end. On other architectures, and in a build for one
/// processor only (CUTAWAY_NATIVE), there is kBaseline alone: whatever the compiler was told to
/// use.
enum class CpuLevel : std::uint8_t {
  kBaseline,  ///< SSE4.2: 4 floats a vector, products and sums rounded apart
  kAvx2,      ///< AVX2, FMA, F16C: 8 floats a vector
  kAvx512     ///< AVX-512 F, BW, CD, DQ, VL: 16 floats a vector
};

/// Levels that this build has kernels for: the first CUTAWAY_CPU_LEVELS of CpuLevel.
inline constexpr int kCpuLevels = CUTAWAY_CPU_LEVELS;

/// "baseline", "avx2", "avx512"; "native" for the only level of a build for one processor.
[[nodiscard]] std::string_view name_of(CpuLevel level) noexcept;
/// The names of the levels of this build, the lowest first.
[[nodiscard]] std::span<const std::string_view> cpu_level_names() noexcept;
/// The level of that name. Throws kUsage, naming the known ones, when this build has no such level
/// or this processor does not run it.
[[nodiscard]] CpuLevel cpu_level_of(std::string_view name);

/// The highest level that this build has and this processor runs.
[[nodiscard]] CpuLevel best_cpu_level() noexcept;
/// What a CpuStream runs on unless told otherwise: the best level, or the limit below it.
[[nodiscard]] CpuLevel default_cpu_level() noexcept;
/// Lowers the default level of this process, for streams made from now on. For a program's main()
/// and for tests that compare levels; results of different levels differ by rounding. Throws kUsage
/// for a level above the best.
void limit_cpu_level(CpuLevel level);
/// The default level and why not a higher one: "avx2 (avx512: this processor lacks AVX512F,
/// AVX512BW)".
[[nodiscard]] std::string cpu_level_text();

/// Tells the implementations of one function for different levels apart, as CpuStreamAt does for
/// kernels.
template <CpuLevel kLevel>
struct AtLevel {
  static constexpr CpuLevel value = kLevel;
};

/// f(AtLevel<level>{}).
template <class F>
decltype(auto) at_level([[maybe_unused]] CpuLevel level, const F& f) {
#if CUTAWAY_CPU_LEVELS > 1
  if (level == CpuLevel::kAvx512) return f(AtLevel<CpuLevel::kAvx512>{});
  if (level == CpuLevel::kAvx2) return f(AtLevel<CpuLevel::kAvx2>{});
#endif
  return f(AtLevel<CpuLevel::kBaseline>{});
}

/// What cpuid and xgetbv say about instruction sets; all zero on other architectures.
struct CpuidWords {
  std::uint32_t leaf1_ecx{}, leaf7_ebx{}, extended1_ecx{};
  std::uint32_t xcr0{};  ///< registers that the operating system saves
};
[[nodiscard]] CpuidWords read_cpuid() noexcept;
/// The features of `level` that such a processor lacks, "AVX2, FMA"; empty when it runs the level.
[[nodiscard]] std::string missing_features(CpuLevel level, const CpuidWords& words);
/// True when this processor has the SHA extensions, which belong to no level.
[[nodiscard]] bool cpu_has_sha() noexcept;

}  // namespace cutaway

/// Declares RESULT NAME(AtLevel<L>, ...) for every level L. A source that is compiled once a level
/// defines NAME(ThisLevel, ...) (kernels/cpu/level.h).
#if CUTAWAY_CPU_LEVELS > 1
#define CUTAWAY_PER_LEVEL(RESULT, NAME, ...)                                    \
  RESULT NAME(::cutaway::AtLevel<::cutaway::CpuLevel::kBaseline>, __VA_ARGS__); \
  RESULT NAME(::cutaway::AtLevel<::cutaway::CpuLevel::kAvx2>, __VA_ARGS__);     \
  RESULT NAME(::cutaway::AtLevel<::cutaway::CpuLevel::kAvx512>, __VA_ARGS__)
#else
#define CUTAWAY_PER_LEVEL(RESULT, NAME, ...) \
  RESULT NAME(::cutaway::AtLevel<::cutaway::CpuLevel::kBaseline>, __VA_ARGS__)
#endif
