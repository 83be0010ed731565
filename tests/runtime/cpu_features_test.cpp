#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include "runtime/cpu_features.h"
#include "runtime/error.h"
#include "runtime/stream.h"

using namespace cutaway;

namespace {

// As cpuid answers on an Intel Core i7 of the Nehalem family, on a Haswell, and on a Skylake
// server.
constexpr CpuidWords kNehalem{0x0098e3bd, 0, 0x1, 0};
constexpr CpuidWords kHaswell{0x7ffafbff, 0x000027ab, 0x21, 0x7};
constexpr CpuidWords kSkylakeServer{0x7ffefbff, 0xd39ffffb, 0x121, 0xe7};

template <class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    return error.what();
  }
  return {};
}

/// Puts the process back to the level that it had.
struct Limited {
  CpuLevel before{default_cpu_level()};
  explicit Limited(CpuLevel level) { limit_cpu_level(level); }
  ~Limited() { limit_cpu_level(before); }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;
};

}  // namespace

TEST_CASE("levels of the instruction set: what processors lack") {
  CHECK(missing_features(CpuLevel::kBaseline, kNehalem).empty());
  CHECK(missing_features(CpuLevel::kAvx2, kNehalem) ==
        "FMA, MOVBE, OSXSAVE, AVX, F16C, BMI1, AVX2, BMI2, LZCNT, 256-bit registers saved by the "
        "operating "
        "system");
  CHECK(missing_features(CpuLevel::kAvx2, kHaswell).empty());
  CHECK(missing_features(CpuLevel::kAvx512, kHaswell) ==
        "AVX512F, AVX512DQ, AVX512CD, AVX512BW, AVX512VL, 512-bit registers saved by the operating "
        "system");
  CHECK(missing_features(CpuLevel::kAvx512, kSkylakeServer).empty());
}

TEST_CASE("levels of the instruction set: an operating system that does not save the registers") {
  CpuidWords words = kSkylakeServer;
  words.xcr0 = 0x7;
  CHECK(missing_features(CpuLevel::kAvx2, words).empty());
  CHECK(missing_features(CpuLevel::kAvx512, words) ==
        "512-bit registers saved by the operating system");
  words.xcr0 = 0x3;
  CHECK(missing_features(CpuLevel::kAvx2, words) ==
        "256-bit registers saved by the operating system");
}

TEST_CASE("levels of the instruction set: every feature counts") {
  // Each bit of the Skylake server's words, taken away alone: either no level needs it, or one says
  // so.
  int needed = 0;
  for (std::uint32_t CpuidWords::*word : {&CpuidWords::leaf1_ecx, &CpuidWords::leaf7_ebx,
                                          &CpuidWords::extended1_ecx, &CpuidWords::xcr0}) {
    for (int bit = 0; bit < 32; ++bit) {
      CpuidWords words = kSkylakeServer;
      words.*word &= ~(1u << bit);
      needed += missing_features(CpuLevel::kAvx512, words).empty() ? 0 : 1;
    }
  }
  CHECK(needed == 7 + 9 + 5 + 5);  // of v2, v3 and v4; and 5 kinds of registers
}

TEST_CASE("levels of the instruction set: names") {
  REQUIRE(cpu_level_names().size() == static_cast<std::size_t>(kCpuLevels));
  for (int i = 0; i <= static_cast<int>(best_cpu_level()); ++i) {
    const CpuLevel level{static_cast<std::uint8_t>(i)};
    CHECK(cpu_level_of(name_of(level)) == level);
    CHECK(cpu_level_names()[static_cast<std::size_t>(i)] == name_of(level));
  }
  const std::string message = message_of([] { (void)cpu_level_of("sse5"); });
  for (const std::string_view name : cpu_level_names()) {
    CAPTURE(name);
    CHECK(message.find(name) != std::string::npos);
  }
  CHECK(message.find("sse5") != std::string::npos);
}

TEST_CASE("levels of the instruction set: a level above the processor's is refused") {
  for (int i = static_cast<int>(best_cpu_level()) + 1; i < 3; ++i) {
    const CpuLevel level{static_cast<std::uint8_t>(i)};
    CAPTURE(i);
    CHECK_FALSE(message_of([&] { limit_cpu_level(level); }).empty());
    CHECK_FALSE(message_of([&] { (void)CpuStream(1, level); }).empty());
    if (kCpuLevels > 1) {
      CHECK(message_of([&] { limit_cpu_level(level); }).find("this processor lacks") !=
            std::string::npos);
    }
  }
}

TEST_CASE("levels of the instruction set: the limit is the default of streams made from then on") {
  const CpuStream before(1);
  CHECK(before.level() == default_cpu_level());
  CHECK(std::get<CpuStream>(make_stream(kCpuDevice, 2)).level() == default_cpu_level());
  const Limited limited(CpuLevel::kBaseline);
  CHECK(CpuStream(1).level() == CpuLevel::kBaseline);
  CHECK(CpuStream(1, best_cpu_level()).level() == best_cpu_level());
  CHECK(before.level() == limited.before);
  CHECK(cpu_level_text().starts_with(name_of(CpuLevel::kBaseline)));
  if (best_cpu_level() > CpuLevel::kBaseline) {
    CHECK(cpu_level_text().find("avx2: not to be used") != std::string::npos);
  }
}
