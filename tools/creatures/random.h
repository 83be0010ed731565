/// \file
/// The creature renderer's random numbers.
#pragma once

#include <cstdint>

#include "runtime/philox.h"

namespace cutaway::tools::creatures {

/// A stream of random numbers that is a pure function of (seed, index, topic): Philox with the
/// stream set to `index` and the counter to (topic, position). Only integer operations and exact
/// float scalings are used, so that every machine draws the same values.
///
/// Draw at most one number per full expression or braced list: C++ leaves the order in which
/// arguments and operands are evaluated open.
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t index, std::uint32_t topic)
      : philox_{seed, index}, counter_(static_cast<std::uint64_t>(topic) << 32) {}

  /// The next 32 random bits.
  std::uint32_t bits() {
    if (used_ == 4) {
      block_ = philox_.block(counter_++);
      used_ = 0;
    }
    return block_.v[used_++];
  }

  /// Uniform in [0, 1), a multiple of 2^-24.
  float uniform() { return static_cast<float>(bits() >> 8) * 0x1p-24f; }

  /// Uniform in [lo, hi).
  float uniform(float lo, float hi) { return lo + (hi - lo) * uniform(); }

  /// Uniform in [-spread, spread).
  float around(float spread) { return uniform(-spread, spread); }

  /// Uniform integer in [0, n), n >= 1.
  int below(int n) {
    const std::uint64_t product = std::uint64_t{bits()} * static_cast<std::uint64_t>(n);
    return static_cast<int>(product >> 32);
  }

  /// True with probability p.
  bool chance(float p) { return uniform() < p; }

 private:
  Philox philox_;
  std::uint64_t counter_;
  Philox::Block block_{};
  unsigned used_ = 4;
};

}  // namespace cutaway::tools::creatures
