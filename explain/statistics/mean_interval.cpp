#include "explain/statistics/mean_interval.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "explain/statistics/distributions.h"
#include "runtime/error.h"
#include "runtime/philox.h"

namespace cutaway::explain {
namespace {

struct Moments {
  double mean{0}, error{0};  // error: of the mean
};

Moments moments_of(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  Moments m;
  m.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double square = 0.0;
  for (const double v : values) square += (v - m.mean) * (v - m.mean);
  m.error = std::sqrt(square / (n - 1.0) / n);
  return m;
}

/// Type 7, of sorted values.
double quantile_of(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

bool is_share(std::span<const double> values) {
  return std::ranges::all_of(values, [](double v) { return v == 0.0 || v == 1.0; });
}

Interval bootstrap_t(const std::vector<double>& values, const BootstrapOptions& o) {
  const Moments whole = moments_of(values);
  const Philox random{o.seed, 0};
  std::vector<double> sample(values.size()), ratios;
  const std::uint64_t blocks = (values.size() + 3) / 4;  // of four random words, a resample
  Philox::Block draws{};
  for (std::int64_t k = 0; k < o.resamples; ++k) {
    const auto base = static_cast<std::uint64_t>(k) * blocks;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      if (i % 4 == 0) draws = random.block(base + i / 4);
      sample[i] = values[draws.v[i % 4] % values.size()];
    }
    const Moments m = moments_of(sample);
    if (m.error > 1e-12 * std::fabs(m.mean)) ratios.push_back((m.mean - whole.mean) / m.error);
  }
  if (ratios.empty()) return {whole.mean, whole.mean, whole.mean};
  std::ranges::sort(ratios);
  const double tail = 0.5 * (1.0 - o.level);
  return {whole.mean, whole.mean - quantile_of(ratios, 1.0 - tail) * whole.error,
          whole.mean - quantile_of(ratios, tail) * whole.error};
}

/// Fewer have too few different resamples: of two values all that have spread are the same.
constexpr std::size_t kLeastForBootstrap = 10;

Interval student(const std::vector<double>& values, double level) {
  const Moments m = moments_of(values);
  const double half =
      m.error * student_quantile(0.5 * (1.0 - level), static_cast<std::int64_t>(values.size()) - 1);
  return {m.mean, m.mean - half, m.mean + half};
}

}  // namespace

Interval mean_interval(std::span<const double> values, const BootstrapOptions& options) {
  if (!(options.level > 0.0 && options.level < 1.0) ||
      (options.resamples != 0 && options.resamples < 100)) {
    throw Error(ErrorKind::kUsage, "confidence interval")
        .expected("a level between 0 and 1, and 0 or at least 100 resamples")
        .got(std::to_string(options.level) + ", " + std::to_string(options.resamples));
  }
  std::vector<double> known;
  for (const double v : values) {
    if (!std::isnan(v)) known.push_back(v);
  }
  Interval found;
  if (known.empty()) {
    found.value = std::numeric_limits<double>::quiet_NaN();
    return found;
  }
  found.value =
      std::accumulate(known.begin(), known.end(), 0.0) / static_cast<double>(known.size());
  if (known.size() > 1 && options.resamples > 0) {
    found = options.shares && is_share(known)
                ? wilson_interval(found.value, static_cast<double>(known.size()),
                                  normal_quantile(0.5 * (1.0 - options.level)))
            : known.size() < kLeastForBootstrap ? student(known, options.level)
                                                : bootstrap_t(known, options);
  }
  found.count = static_cast<std::int64_t>(known.size());
  return found;
}

}  // namespace cutaway::explain
