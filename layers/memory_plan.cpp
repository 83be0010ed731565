#include "layers/memory_plan.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace cutaway {
namespace {

constexpr std::size_t kAlignment = 256;

std::size_t largest_sum(const std::vector<Lifetime>& all) {
  std::size_t most = 0;
  for (const Lifetime& at : all) {  // a maximum is reached when some value begins
    std::size_t common = 0, largest_turn = 0;
    std::map<int, std::size_t> turns;  // groups exist one at a time
    for (const Lifetime& other : all) {
      if (at.first < other.first || other.last < at.first) continue;
      if (other.group < 0) {
        common += other.bytes;
      } else if (at.group < 0 || at.group == other.group) {
        largest_turn = std::max(largest_turn, turns[other.group] += other.bytes);
      }
    }
    most = std::max(most, common + largest_turn);
  }
  return most;
}

}  // namespace

bool overlap(const Lifetime& a, const Lifetime& b) {
  if (a.group >= 0 && b.group >= 0 && a.group != b.group) return false;
  return a.first <= b.last && b.first <= a.last;
}

MemoryPlan plan_memory(const std::vector<Lifetime>& lifetimes, std::size_t gap) {
  const auto padded = [gap](std::size_t bytes) {
    return (bytes + gap + kAlignment - 1) / kAlignment * kAlignment;
  };
  std::vector<std::size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return lifetimes[a].bytes > lifetimes[b].bytes; });

  MemoryPlan plan;
  plan.offsets.assign(lifetimes.size(), 0);
  plan.lower_bound = largest_sum(lifetimes);
  std::vector<std::size_t> placed;
  for (const std::size_t i : order) {
    if (lifetimes[i].bytes == 0) continue;
    std::vector<std::pair<std::size_t, std::size_t>> taken;
    for (const std::size_t j : placed) {
      if (overlap(lifetimes[i], lifetimes[j])) {
        taken.emplace_back(plan.offsets[j], plan.offsets[j] + padded(lifetimes[j].bytes));
      }
    }
    std::ranges::sort(taken);
    std::size_t at = 0;
    for (const auto& [begin, end] : taken) {
      if (at + padded(lifetimes[i].bytes) <= begin) break;
      at = std::max(at, end);
    }
    plan.offsets[i] = at;
    plan.bytes = std::max(plan.bytes, at + padded(lifetimes[i].bytes));
    placed.push_back(i);
  }
  return plan;
}

}  // namespace cutaway
