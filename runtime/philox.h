#pragma once

#include <cstdint>

#include "runtime/macros.h"

namespace cutaway {

/// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011). The value depends on (seed, stream, counter) only, so the same noise comes
/// out on every device, for every batch split and every thread count.
struct Philox {
  std::uint64_t seed{0};
  std::uint64_t stream{0};

  struct Block {
    std::uint32_t v[4];
  };

  /// Four independent 32-bit words for `counter`.
  [[nodiscard]] CUTAWAY_HD constexpr Block block(std::uint64_t counter) const {
    std::uint32_t c0 = static_cast<std::uint32_t>(counter);
    std::uint32_t c1 = static_cast<std::uint32_t>(counter >> 32);
    std::uint32_t c2 = static_cast<std::uint32_t>(stream);
    std::uint32_t c3 = static_cast<std::uint32_t>(stream >> 32);
    std::uint32_t k0 = static_cast<std::uint32_t>(seed);
    std::uint32_t k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
      const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
      const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
      c1 = static_cast<std::uint32_t>(p1);
      c3 = static_cast<std::uint32_t>(p0);
      c0 = n0;
      c2 = n2;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
  }

  /// One 32-bit word; words 4k..4k+3 come from block k.
  [[nodiscard]] CUTAWAY_HD constexpr std::uint32_t word(std::uint64_t index) const {
    return block(index / 4).v[index % 4];
  }

  /// Uniform in [0, 1), 24 random bits.
  [[nodiscard]] CUTAWAY_HD constexpr float uniform(std::uint64_t index) const {
    return static_cast<float>(word(index) >> 8) * 0x1p-24f;
  }
};

/// Standard normal by Box-Muller from block `index`; double inside, so that hosts agree to
/// rounding.
[[nodiscard]] float normal(const Philox& random, std::uint64_t index);

}  // namespace cutaway
