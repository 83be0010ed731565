#include "explain/statistics/bootstrap.h"

#include <algorithm>

#include "runtime/philox.h"

namespace cutaway::explain {

std::vector<int> resample(std::int64_t images, std::int64_t k, std::uint64_t seed) {
  std::vector<int> counts(static_cast<std::size_t>(images), k == 0 ? 1 : 0);
  if (k == 0) return counts;
  const Philox random{seed, static_cast<std::uint64_t>(k)};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::uint64_t word = random.word(i);
    ++counts[(word * counts.size()) >> 32U];
  }
  return counts;
}

Interval interval_of(std::span<const double> values) {
  std::vector<double> sorted;
  for (const double v : values.subspan(1)) {
    if (!std::isnan(v)) sorted.push_back(v);
  }
  if (sorted.empty()) return {values[0], values[0], values[0]};
  std::ranges::sort(sorted);
  const auto at = [&](double q) {
    return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5)];
  };
  return {values[0], at(0.025), at(0.975)};
}

}  // namespace cutaway::explain
