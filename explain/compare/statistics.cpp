#include "explain/compare/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <unordered_map>

#include "explain/compare/correlation.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void check_labels(const DistanceMatrix& distances, std::span<const std::int64_t> labels) {
  if (static_cast<std::int64_t>(labels.size()) == distances.n) return;
  throw Error(ErrorKind::kShape, "labels of compared pictures")
      .expected(std::to_string(distances.n))
      .got(std::to_string(labels.size()));
}

bool same_class(std::span<const std::int64_t> labels, std::int64_t i, std::int64_t j) {
  return labels[static_cast<std::size_t>(i)] == labels[static_cast<std::size_t>(j)];
}

double mean_of(const std::vector<double>& values) {
  if (values.empty()) return kNaN;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Both ascending. A step of the sweep is a distance that occurs.
void equal_error_point(const std::vector<double>& same,
                       const std::vector<double>& different,
                       PairStatistics& s) {
  const auto positives = static_cast<double>(same.size());
  const auto negatives = static_cast<double>(different.size());
  double least = std::numeric_limits<double>::infinity();
  std::size_t i = 0, j = 0;
  while (i < same.size() || j < different.size()) {
    const double t = j == different.size() || (i < same.size() && same[i] <= different[j])
                         ? same[i]
                         : different[j];
    while (i < same.size() && same[i] <= t) ++i;
    while (j < different.size() && different[j] <= t) ++j;
    const double missed = (positives - static_cast<double>(i)) / positives;
    const double false_alarm = static_cast<double>(j) / negatives;
    const double gap = std::fabs(missed - false_alarm);
    if (!(gap < least)) continue;
    least = gap;
    s.threshold = t;
    s.equal_error = 0.5 * (missed + false_alarm);
    s.accuracy =
        (static_cast<double>(i) + negatives - static_cast<double>(j)) / (positives + negatives);
  }
}

/// The share of (same, different) pairs with same < different, ties half; both ascending.
double area_under_roc(const std::vector<double>& same, const std::vector<double>& different) {
  double right = 0.0;
  std::size_t below = 0, to = 0;
  for (const double d : different) {
    while (below < same.size() && same[below] < d) ++below;
    while (to < same.size() && same[to] <= d) ++to;
    right += static_cast<double>(below) + 0.5 * static_cast<double>(to - below);
  }
  return right / (static_cast<double>(same.size()) * static_cast<double>(different.size()));
}

}  // namespace

PairStatistics pair_statistics(const DistanceMatrix& distances,
                               std::span<const std::int64_t> labels) {
  check_labels(distances, labels);
  std::vector<double> same, different;
  PairStatistics s;
  for (std::int64_t i = 0; i < distances.n; ++i) {
    for (std::int64_t j = i + 1; j < distances.n; ++j) {
      const double d = distances.at(i, j);
      if (std::isnan(d)) {
        ++s.undefined;
      } else {
        (same_class(labels, i, j) ? same : different).push_back(d);
      }
    }
  }
  s.same = static_cast<std::int64_t>(same.size());
  s.different = static_cast<std::int64_t>(different.size());
  s.intra = mean_of(same);
  s.inter = mean_of(different);
  s.ratio = s.intra / s.inter;
  if (same.empty() || different.empty()) {
    s.ratio = s.auc = s.threshold = s.equal_error = s.accuracy = kNaN;
    return s;
  }
  std::ranges::sort(same);
  std::ranges::sort(different);
  s.auc = area_under_roc(same, different);
  equal_error_point(same, different, s);
  return s;
}

double silhouette(const DistanceMatrix& distances, std::span<const std::int64_t> labels) {
  check_labels(distances, labels);
  std::unordered_map<std::int64_t, std::size_t> number;
  std::vector<std::int64_t> counts;
  std::vector<std::size_t> cluster;
  for (const std::int64_t label : labels) {
    const auto [at, is_new] = number.try_emplace(label, counts.size());
    if (is_new) counts.push_back(0);
    ++counts[at->second];
    cluster.push_back(at->second);
  }
  if (counts.size() < 2) return kNaN;
  double total = 0.0;
  std::vector<double> sums(counts.size());
  for (std::int64_t i = 0; i < distances.n; ++i) {
    std::ranges::fill(sums, 0.0);
    for (std::int64_t j = 0; j < distances.n; ++j) {
      if (j != i) sums[cluster[static_cast<std::size_t>(j)]] += distances.at(i, j);
    }
    const std::size_t own = cluster[static_cast<std::size_t>(i)];
    if (counts[own] == 1) continue;
    const double a = sums[own] / static_cast<double>(counts[own] - 1);
    double b = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < sums.size(); ++c) {
      const double mean = sums[c] / static_cast<double>(counts[c]);
      if (c != own && !(mean >= b)) b = mean;  // an undefined one shows in the result
    }
    const double larger = std::max(a, b);
    if (std::isnan(a) || std::isnan(b)) return kNaN;
    if (larger > 0.0) total += (b - a) / larger;
  }
  return total / static_cast<double>(distances.n);
}

std::vector<Neighbor> nearest(const DistanceMatrix& distances, std::int64_t query, std::int64_t k) {
  std::vector<Neighbor> all;
  for (std::int64_t j = 0; j < distances.n; ++j) {
    if (j != query) all.push_back({j, distances.at(query, j)});
  }
  const auto before = [](const Neighbor& a, const Neighbor& b) {
    if (std::isnan(a.distance) != std::isnan(b.distance)) return std::isnan(b.distance);
    if (a.distance != b.distance && !std::isnan(a.distance)) return a.distance < b.distance;
    return a.index < b.index;
  };
  const auto taken = static_cast<std::size_t>(
      std::clamp<std::int64_t>(k, 0, static_cast<std::int64_t>(all.size())));
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(taken), before);
  all.resize(taken);
  return all;
}

Retrieval retrieval(const DistanceMatrix& distances,
                    std::span<const std::int64_t> labels,
                    std::span<const std::int64_t> ks) {
  check_labels(distances, labels);
  Retrieval r;
  r.recall.assign(ks.size(), 0.0);
  for (std::int64_t i = 0; i < distances.n; ++i) {
    double found = 0.0, precision = 0.0;
    std::int64_t rank = 0, first = 0;
    for (const Neighbor& neighbor : nearest(distances, i, distances.n)) {
      ++rank;
      if (!same_class(labels, i, neighbor.index)) continue;
      if (first == 0) first = rank;
      found += 1.0;
      precision += found / static_cast<double>(rank);
    }
    if (first == 0) continue;
    ++r.queries;
    r.mean_average_precision += precision / found;
    for (std::size_t k = 0; k < ks.size(); ++k) r.recall[k] += first <= ks[k] ? 1.0 : 0.0;
  }
  const double scale = r.queries > 0 ? 1.0 / static_cast<double>(r.queries) : kNaN;
  r.mean_average_precision *= scale;
  for (double& value : r.recall) value *= scale;
  return r;
}

StrikingPairs striking_pairs(const DistanceMatrix& distances,
                             std::span<const std::int64_t> labels,
                             std::int64_t count) {
  check_labels(distances, labels);
  StrikingPairs pairs;
  for (std::int64_t i = 0; i < distances.n; ++i) {
    for (std::int64_t j = i + 1; j < distances.n; ++j) {
      const double d = distances.at(i, j);
      if (std::isnan(d)) continue;
      (same_class(labels, i, j) ? pairs.unlike_within : pairs.alike_across).push_back({i, j, d});
    }
  }
  const auto keep = [&](std::vector<PicturePair>& all, auto before) {
    const auto taken =
        std::min(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)), all.size());
    std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(taken), before);
    all.resize(taken);
  };
  const auto order = [](const PicturePair& a, const PicturePair& b) {
    return std::pair(a.first, a.second) < std::pair(b.first, b.second);
  };
  keep(pairs.alike_across, [&](const PicturePair& a, const PicturePair& b) {
    return a.distance != b.distance ? a.distance < b.distance : order(a, b);
  });
  keep(pairs.unlike_within, [&](const PicturePair& a, const PicturePair& b) {
    return a.distance != b.distance ? a.distance > b.distance : order(a, b);
  });
  return pairs;
}

DistanceCorrelation correlate(const DistanceMatrix& a, const DistanceMatrix& b) {
  if (a.n != b.n) {
    throw Error(ErrorKind::kShape, "correlation of distances of different pictures")
        .expected(std::to_string(a.n))
        .got(std::to_string(b.n));
  }
  std::vector<double> x, y;
  for (std::int64_t i = 0; i < a.n; ++i) {
    for (std::int64_t j = i + 1; j < a.n; ++j) {
      if (std::isnan(a.at(i, j)) || std::isnan(b.at(i, j))) continue;
      x.push_back(a.at(i, j));
      y.push_back(b.at(i, j));
    }
  }
  return {pearson(x, y), spearman(x, y)};
}

}  // namespace cutaway::explain
