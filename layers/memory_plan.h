#pragma once

#include <cstddef>
#include <vector>

namespace cutaway {

/// When a value must exist: steps first..last, inclusive. Intervals of different non-negative
/// groups never exist together (they belong to backward passes that take turns); group -1 exists
/// beside every group.
struct Lifetime {
  std::size_t bytes{0};
  int first{0}, last{0};
  int group{-1};
};

[[nodiscard]] bool overlap(const Lifetime& a, const Lifetime& b);

struct MemoryPlan {
  std::vector<std::size_t> offsets;  ///< one a lifetime, multiples of 256
  std::size_t bytes{0};              ///< size of the arena
  std::size_t lower_bound{0};        ///< the largest sum of bytes alive at one step
};

/// Offsets such that no two overlapping lifetimes share a byte: largest first, each at the lowest
/// offset that fits (first fit decreasing). Deterministic. `gap` bytes are left free behind every
/// value, for canaries.
[[nodiscard]] MemoryPlan plan_memory(const std::vector<Lifetime>& lifetimes, std::size_t gap = 0);

}  // namespace cutaway
