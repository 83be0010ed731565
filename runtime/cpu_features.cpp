#include "runtime/cpu_features.h"

#include <algorithm>
#include <atomic>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "runtime/error.h"

namespace cutaway {
namespace {

constexpr std::string_view kNames[] = {CUTAWAY_NATIVE ? "native" : "baseline", "avx2", "avx512"};

struct Feature {
  CpuLevel level;
  const char* name;
  std::uint32_t CpuidWords::*word;
  std::uint32_t bits;
};

// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2A, CPUID; LAHF and LZCNT:
// AMD64 Architecture Programmer's Manual, volume 3, Fn8000_0001. The registers: volume 1, sections
// 14.3 and 15.2.
constexpr Feature kFeatures[] = {
    {CpuLevel::kBaseline, "SSE3", &CpuidWords::leaf1_ecx, 1u << 0},
    {CpuLevel::kBaseline, "SSSE3", &CpuidWords::leaf1_ecx, 1u << 9},
    {CpuLevel::kBaseline, "CMPXCHG16B", &CpuidWords::leaf1_ecx, 1u << 13},
    {CpuLevel::kBaseline, "SSE4.1", &CpuidWords::leaf1_ecx, 1u << 19},
    {CpuLevel::kBaseline, "SSE4.2", &CpuidWords::leaf1_ecx, 1u << 20},
    {CpuLevel::kBaseline, "POPCNT", &CpuidWords::leaf1_ecx, 1u << 23},
    {CpuLevel::kBaseline, "LAHF", &CpuidWords::extended1_ecx, 1u << 0},
    {CpuLevel::kAvx2, "FMA", &CpuidWords::leaf1_ecx, 1u << 12},
    {CpuLevel::kAvx2, "MOVBE", &CpuidWords::leaf1_ecx, 1u << 22},
    {CpuLevel::kAvx2, "OSXSAVE", &CpuidWords::leaf1_ecx, 1u << 27},
    {CpuLevel::kAvx2, "AVX", &CpuidWords::leaf1_ecx, 1u << 28},
    {CpuLevel::kAvx2, "F16C", &CpuidWords::leaf1_ecx, 1u << 29},
    {CpuLevel::kAvx2, "BMI1", &CpuidWords::leaf7_ebx, 1u << 3},
    {CpuLevel::kAvx2, "AVX2", &CpuidWords::leaf7_ebx, 1u << 5},
    {CpuLevel::kAvx2, "BMI2", &CpuidWords::leaf7_ebx, 1u << 8},
    {CpuLevel::kAvx2, "LZCNT", &CpuidWords::extended1_ecx, 1u << 5},
    {CpuLevel::kAvx2, "256-bit registers saved by the operating system", &CpuidWords::xcr0, 0x06},
    {CpuLevel::kAvx512, "AVX512F", &CpuidWords::leaf7_ebx, 1u << 16},
    {CpuLevel::kAvx512, "AVX512DQ", &CpuidWords::leaf7_ebx, 1u << 17},
    {CpuLevel::kAvx512, "AVX512CD", &CpuidWords::leaf7_ebx, 1u << 28},
    {CpuLevel::kAvx512, "AVX512BW", &CpuidWords::leaf7_ebx, 1u << 30},
    {CpuLevel::kAvx512, "AVX512VL", &CpuidWords::leaf7_ebx, 1u << 31},
    {CpuLevel::kAvx512, "512-bit registers saved by the operating system", &CpuidWords::xcr0, 0xe6},
};

CpuLevel find_best() noexcept {
  CpuLevel best = CpuLevel::kBaseline;
  if (kCpuLevels == 1) return best;
  const CpuidWords words = read_cpuid();
  for (const CpuLevel level : {CpuLevel::kAvx2, CpuLevel::kAvx512}) {
    const bool runs = std::all_of(
        std::begin(kFeatures), std::end(kFeatures),
        [&](const Feature& f) { return f.level > level || (words.*f.word & f.bits) == f.bits; });
    if (runs) best = level;
  }
  return best;
}

/// The one setting of a whole process: what the processor is taken for.
std::atomic<CpuLevel>& limit() noexcept {
  static std::atomic<CpuLevel> level{CpuLevel{kCpuLevels - 1}};
  return level;
}

std::string known_levels() {
  std::string text;
  for (int i = 0; i < kCpuLevels; ++i) text += (i == 0 ? "" : ", ") + std::string(kNames[i]);
  return text;
}

void require(CpuLevel level) {
  if (level <= best_cpu_level()) return;
  const std::string missing = missing_features(level, read_cpuid());
  throw Error(ErrorKind::kUsage, "kernels for another processor")
      .expected("a level up to " + std::string(name_of(best_cpu_level())))
      .got(std::string(name_of(level)))
      .hint(missing.empty() ? "this build has none of that level"
                            : "this processor lacks " + missing);
}

}  // namespace

std::string_view name_of(CpuLevel level) noexcept {
  return kNames[std::min<std::size_t>(static_cast<std::size_t>(level), std::size(kNames) - 1)];
}

std::span<const std::string_view> cpu_level_names() noexcept {
  return {kNames, static_cast<std::size_t>(kCpuLevels)};
}

CpuLevel cpu_level_of(std::string_view name) {
  for (int i = 0; i < kCpuLevels; ++i) {
    if (name != kNames[i]) continue;
    require(CpuLevel{static_cast<std::uint8_t>(i)});
    return CpuLevel{static_cast<std::uint8_t>(i)};
  }
  throw Error(ErrorKind::kUsage, "no such level of CPU kernels")
      .expected(known_levels())
      .got("'" + std::string(name) + "'");
}

CpuLevel best_cpu_level() noexcept {
  static const CpuLevel best = find_best();
  return best;
}

CpuLevel default_cpu_level() noexcept { return std::min(best_cpu_level(), limit().load()); }

void limit_cpu_level(CpuLevel level) {
  require(level);
  limit() = level;
}

std::string cpu_level_text() {
  const CpuLevel chosen = default_cpu_level();
  std::string text(name_of(chosen));
  const CpuidWords words = read_cpuid();
  std::string reasons;
  for (int i = static_cast<int>(chosen) + 1; i < kCpuLevels; ++i) {
    const std::string missing = missing_features(CpuLevel{static_cast<std::uint8_t>(i)}, words);
    reasons += (reasons.empty() ? "" : "; ") + std::string(kNames[i]) + ": " +
               (missing.empty() ? "not to be used" : "this processor lacks " + missing);
  }
  return reasons.empty() ? text : text + " (" + reasons + ")";
}

CpuidWords read_cpuid() noexcept {
  CpuidWords words;
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) != 0) words.leaf1_ecx = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) words.leaf7_ebx = b;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d) != 0) words.extended1_ecx = c;
  constexpr unsigned kOsxsave = 1u << 27;
  if ((words.leaf1_ecx & kOsxsave) != 0) {
    // _xgetbv() would need a compiler flag for this file.
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    words.xcr0 = a;
  }
#endif
  return words;
}

std::string missing_features(CpuLevel level, const CpuidWords& words) {
  std::string text;
  for (const Feature& f : kFeatures) {
    if (f.level <= level && (words.*f.word & f.bits) != f.bits)
      text += (text.empty() ? "" : ", ") + std::string(f.name);
  }
  return text;
}

bool cpu_has_sha() noexcept {
  static const bool has = (read_cpuid().leaf7_ebx & (1u << 29)) != 0;
  return has;
}

}  // namespace cutaway
