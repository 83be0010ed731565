#include "explain/evaluate/uncertainty.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "explain/compare/correlation.h"
#include "explain/compare/evidence.h"
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

/// P(Z > z) of a standard normal variable.
double normal_tail(double z) { return 0.5 * std::erfc(z / std::sqrt(2.0)); }

/// The z with normal_tail(z) = tail, by bisection: called once an interval.
double normal_quantile(double tail) {
  double low = 0.0, high = 40.0;
  for (int k = 0; k < 200; ++k) {
    const double middle = 0.5 * (low + high);
    (normal_tail(middle) > tail ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

bool is_share(std::span<const double> values) {
  return std::ranges::all_of(values, [](double v) { return v == 0.0 || v == 1.0; });
}

MeanInterval wilson(std::span<const double> values, double level) {
  const auto n = static_cast<double>(values.size());
  const double p = std::accumulate(values.begin(), values.end(), 0.0) / n;
  const double z = normal_quantile(0.5 * (1.0 - level));
  const double middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
  const double half = z / (1.0 + z * z / n) * std::sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
  return {p, std::max(0.0, middle - half), std::min(1.0, middle + half),
          static_cast<std::int64_t>(values.size())};
}

MeanInterval bootstrap_t(const std::vector<double>& values, const BootstrapOptions& o) {
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
  const auto count = static_cast<std::int64_t>(values.size());
  if (ratios.empty()) return {whole.mean, whole.mean, whole.mean, count};
  std::ranges::sort(ratios);
  const double tail = 0.5 * (1.0 - o.level);
  return {whole.mean, whole.mean - quantile_of(ratios, 1.0 - tail) * whole.error,
          whole.mean - quantile_of(ratios, tail) * whole.error, count};
}

/// Two-sided: twice the probability of at most `least` of n at even odds, at most 1.
double sign_test(std::int64_t least, std::int64_t n) {
  if (n == 0) return 1.0;
  const auto trials = static_cast<double>(n);
  double sum = 0.0;
  for (std::int64_t k = 0; k <= least; ++k) {
    const auto hits = static_cast<double>(k);
    sum += std::exp(std::lgamma(trials + 1.0) - std::lgamma(hits + 1.0) -
                    std::lgamma(trials - hits + 1.0) - trials * std::log(2.0));
  }
  return std::min(1.0, 2.0 * sum);
}

double wilcoxon_test(const std::vector<double>& differences) {
  std::vector<double> sizes;
  for (const double d : differences) {
    if (d != 0.0) sizes.push_back(std::fabs(d));
  }
  if (sizes.empty()) return 1.0;
  const std::vector<double> ranks = average_ranks(sizes);
  double positive = 0.0, square = 0.0;
  std::size_t k = 0;
  for (const double d : differences) {
    if (d == 0.0) continue;
    positive += d > 0.0 ? ranks[k] : 0.0;
    square += ranks[k] * ranks[k];
    ++k;
  }
  const auto n = static_cast<double>(sizes.size());
  const double z = (positive - 0.25 * n * (n + 1.0)) / std::sqrt(0.25 * square);
  return std::min(1.0, 2.0 * normal_tail(std::fabs(z)));
}

}  // namespace

MeanInterval mean_interval(std::span<const double> values, const BootstrapOptions& options) {
  if (!(options.level > 0.0 && options.level < 1.0) || options.resamples < 100) {
    throw Error(ErrorKind::kUsage, "confidence interval")
        .expected("a level between 0 and 1 and at least 100 resamples")
        .got(std::to_string(options.level) + ", " + std::to_string(options.resamples));
  }
  std::vector<double> known;
  for (const double v : values) {
    if (!std::isnan(v)) known.push_back(v);
  }
  if (known.empty()) {
    constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
    return {kNaN, kNaN, kNaN, 0};
  }
  if (known.size() == 1) return {known[0], known[0], known[0], 1};
  return is_share(known) ? wilson(known, options.level) : bootstrap_t(known, options);
}

PairedComparison compare_paired(std::span<const double> a,
                                std::span<const double> b,
                                bool higher_is_better,
                                const BootstrapOptions& options) {
  if (a.size() != b.size()) {
    throw Error(ErrorKind::kShape, "paired comparison")
        .expected(std::to_string(a.size()) + " values")
        .got(std::to_string(b.size()));
  }
  PairedComparison c;
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) || std::isnan(b[i])) continue;
    const double d = a[i] - b[i];
    differences.push_back(d);
    if (d == 0.0) {
      ++c.equal;
    } else {
      ++((d > 0.0) == higher_is_better ? c.better : c.worse);
    }
  }
  const std::int64_t decided = c.better + c.worse;
  c.share = decided > 0 ? static_cast<double>(c.better) / static_cast<double>(decided) : 0.5;
  c.difference = mean_interval(differences, options);
  c.sign_p = sign_test(std::min(c.better, c.worse), decided);
  c.wilcoxon_p = wilcoxon_test(differences);
  return c;
}

std::vector<double> holm_adjusted(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t i, std::size_t j) { return p[i] < p[j]; });
  std::vector<double> adjusted(p.size());
  double most = 0.0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    most = std::max(most, std::min(1.0, static_cast<double>(p.size() - k) * p[order[k]]));
    adjusted[order[k]] = most;
  }
  return adjusted;
}

std::vector<double> rank_methods(const MetricTable& table) {
  std::vector<double> means;
  for (const auto& row : table.values) {
    const double mean = mean_interval(row, {0.95, 100, 0}).mean;
    const double worst = std::numeric_limits<double>::infinity();
    means.push_back(std::isnan(mean) ? worst : (table.higher_is_better ? -mean : mean));
  }
  return average_ranks(means);
}

std::vector<std::int64_t> most_disputed(const MetricTable& table, std::int64_t count) {
  std::vector<double> spread;
  const std::size_t pictures = table.values.empty() ? 0 : table.values[0].size();
  for (std::size_t i = 0; i < pictures; ++i) {
    std::vector<double> known;
    for (const auto& row : table.values) {
      if (!std::isnan(row.at(i))) known.push_back(row[i]);
    }
    spread.push_back(known.size() < 2
                         ? 0.0
                         : moments_of(known).error * std::sqrt(static_cast<double>(known.size())));
  }
  return largest(spread, count);
}

}  // namespace cutaway::explain
