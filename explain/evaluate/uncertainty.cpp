#include "explain/evaluate/uncertainty.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "explain/compare/correlation.h"
#include "explain/compare/evidence.h"
#include "explain/statistics/distributions.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Standard deviation (n - 1).
double deviation_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double square = 0.0;
  for (const double v : values) square += (v - mean) * (v - mean);
  return std::sqrt(square / (n - 1.0));
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
    const double mean = mean_interval(row, {0.95, 0, 0}).value;
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
    spread.push_back(known.size() < 2 ? 0.0 : deviation_of(known));
  }
  return largest(spread, count);
}

}  // namespace cutaway::explain
