#include "explain/compare/statistics.h"

#include "explain/compare/correlation.h"
#include "explain/compare/evidence.h"
#include "runtime/error.h"
#include "tests/explain/compare_support.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tests;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

DistanceMatrix matrix_of(std::int64_t n, const std::vector<double>& upper) {
  DistanceMatrix m{n, std::vector<double>(static_cast<std::size_t>(n * n), 0.0)};
  std::size_t k = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i + 1; j < n; ++j, ++k) {
      m.values[static_cast<std::size_t>(i * n + j)] = upper.at(k);
      m.values[static_cast<std::size_t>(j * n + i)] = upper.at(k);
    }
  }
  return m;
}

std::vector<std::int64_t> labels_of(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("compare: statistics are scikit-learn's and SciPy's") {
  const CompareBundle bundle;
  const FeatureMatrix f = bundle.matrix("/comparison/features");
  const auto labels = labels_of(bundle.values("/comparison/labels"));
  for (const DistanceKind d : {DistanceKind::kEuclidean, DistanceKind::kCosine}) {
    const std::string group = std::string("/comparison/") + to_string(d);
    CAPTURE(group);
    const DistanceMatrix m = pairwise_distances(f, d, 2);
    const auto golden = bundle.values(group + "/distances");
    REQUIRE(golden.size() == m.values.size());
    for (std::size_t k = 0; k < golden.size(); ++k) REQUIRE(close(m.values[k], golden[k]));
    const auto values = bundle.values(group + "/values");
    CHECK(close(silhouette(m, labels), values[0]));
    CHECK(close(pair_statistics(m, labels).auc, values[1]));
    const Retrieval r = retrieval(m, labels, std::vector<std::int64_t>{1, 5, 10});
    CHECK(close(r.mean_average_precision, values[2]));
    CHECK(r.queries == 30);
    for (std::size_t k = 0; k < 3; ++k) CHECK(close(r.recall[k], values[3 + k]));
  }
  const auto golden = bundle.values("/comparison/correlation");
  const DistanceCorrelation c = correlate(pairwise_distances(f, DistanceKind::kEuclidean, 1),
                                          pairwise_distances(f, DistanceKind::kCosine, 1));
  CHECK(close(c.pearson, golden[0]));
  CHECK(close(c.spearman, golden[1]));
}

TEST_CASE("compare: pair statistics equal counting all pairs of pairs") {
  // Distances on a coarse grid, so that there are ties; one is undefined.
  std::mt19937 engine(11);
  std::vector<double> upper;
  for (int k = 0; k < 66; ++k) upper.push_back(static_cast<double>(engine() % 7));
  upper[13] = kNaN;
  const DistanceMatrix m = matrix_of(12, upper);
  const std::vector<std::int64_t> labels{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 1};
  std::vector<double> same, different;
  for (std::int64_t i = 0; i < 12; ++i) {
    for (std::int64_t j = i + 1; j < 12; ++j) {
      if (std::isnan(m.at(i, j))) continue;
      const bool equal = labels[static_cast<std::size_t>(i)] == labels[static_cast<std::size_t>(j)];
      (equal ? same : different).push_back(m.at(i, j));
    }
  }
  double right = 0, intra = 0, inter = 0;
  for (const double s : same) {
    intra += s / static_cast<double>(same.size());
    for (const double d : different) right += s < d ? 1 : s == d ? 0.5 : 0;
  }
  for (const double d : different) inter += d / static_cast<double>(different.size());
  const PairStatistics s = pair_statistics(m, labels);
  CHECK(s.undefined == 1);
  CHECK(s.same == static_cast<std::int64_t>(same.size()));
  CHECK(s.different == static_cast<std::int64_t>(different.size()));
  CHECK(close(s.auc, right / static_cast<double>(same.size() * different.size()), 1e-12));
  CHECK(close(s.ratio, intra / inter, 1e-12));
  double least = 2, threshold = 0, error = 0, accuracy = 0;
  for (double t = 0; t < 7; ++t) {
    double missed = 0, alarm = 0;
    for (const double d : same) missed += d > t ? 1 : 0;
    for (const double d : different) alarm += d <= t ? 1 : 0;
    const auto positives = static_cast<double>(same.size());
    const auto negatives = static_cast<double>(different.size());
    if (std::fabs(missed / positives - alarm / negatives) >= least) continue;
    least = std::fabs(missed / positives - alarm / negatives);
    threshold = t;
    error = 0.5 * (missed / positives + alarm / negatives);
    accuracy = 1 - (missed + alarm) / (positives + negatives);
  }
  CHECK(s.threshold == threshold);
  CHECK(close(s.equal_error, error, 1e-12));
  CHECK(close(s.accuracy, accuracy, 1e-12));
}

TEST_CASE("compare: statistics of sets that lack something") {
  const DistanceMatrix m = matrix_of(3, {1, 2, 3});
  const std::vector<std::int64_t> one{4, 4, 4}, own{1, 2, 3};
  CHECK(std::isnan(pair_statistics(m, one).auc));
  CHECK(close(pair_statistics(m, one).intra, 2.0, 1e-12));
  CHECK(std::isnan(pair_statistics(m, own).equal_error));
  CHECK(std::isnan(silhouette(m, one)));
  CHECK(silhouette(m, own) == 0.0);
  const std::vector<std::int64_t> ks{1};
  CHECK(retrieval(m, own, ks).queries == 0);
  CHECK(std::isnan(retrieval(m, own, ks).recall[0]));
  CHECK_THROWS_AS((void)pair_statistics(m, std::vector<std::int64_t>{1}), Error);
  // By hand: a and b of picture 0 are 1 and 2, of picture 1 are 1 and 3; picture 2 is alone.
  CHECK(close(silhouette(m, std::vector<std::int64_t>{0, 0, 1}), (0.5 + 2.0 / 3.0) / 3, 1e-12));
}

TEST_CASE("compare: nearest pictures and striking pairs") {
  const DistanceMatrix m = matrix_of(4, {2, 1, 1, 5, kNaN, 3});
  const auto of = nearest(m, 0, 9);
  REQUIRE(of.size() == 3);
  CHECK(of[0].index == 2);  // ties in the order of the pictures
  CHECK(of[1].index == 3);
  CHECK(of[2].index == 1);
  CHECK(nearest(m, 1, 3).back().index == 3);  // undefined ones last
  const std::vector<std::int64_t> labels{0, 0, 1, 1};
  const StrikingPairs pairs = striking_pairs(m, labels, 2);
  REQUIRE(pairs.alike_across.size() == 2);
  CHECK(pairs.alike_across[0].first == 0);
  CHECK(pairs.alike_across[0].second == 2);
  REQUIRE(pairs.unlike_within.size() == 2);
  CHECK(pairs.unlike_within[0].distance == 3);
}

TEST_CASE("compare: contributions and maps of evidence add up") {
  const Tensor a = random_tensor({1, 6, 3, 4}, 1), b = random_tensor({1, 6, 5, 2}, 2);
  std::vector<float> ga, gb;
  for (std::size_t c = 0; c < 6; ++c) {
    double sa = 0, sb = 0;
    for (std::size_t p = 0; p < 12; ++p) sa += static_cast<double>(a.f32()[c * 12 + p]);
    for (std::size_t p = 0; p < 10; ++p) sb += static_cast<double>(b.f32()[c * 10 + p]);
    ga.push_back(static_cast<float>(sa / 12));
    gb.push_back(static_cast<float>(sb / 10));
  }
  FeatureMatrix f{2, 6, ga};
  f.values.insert(f.values.end(), gb.begin(), gb.end());
  const auto total = [](const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x;
    return sum;
  };
  const double cosine = 1 - pairwise_distances(f, DistanceKind::kCosine, 1).at(0, 1);
  CHECK(close(total(contributions(ga, gb, DistanceKind::kCosine)), cosine));
  CHECK(close(total(contributions(ga, gb, DistanceKind::kEuclidean)),
              pairwise_distances(f, DistanceKind::kSquaredEuclidean, 1).at(0, 1)));
  double mean = 0;
  const Tensor likeness = likeness_map(a, b);
  for (const float v : likeness.f32()) mean += static_cast<double>(v) / 12;
  CHECK(close(mean, cosine));
  CHECK(largest(std::vector<double>{1, 3, 2, 3}, 3) == std::vector<std::int64_t>{1, 3, 2});

  const PairEvidence in_a = pair_evidence(a, b), in_b = pair_evidence(b, a);
  double shared_a = 0, shared_b = 0;
  for (std::size_t p = 0; p < 12; ++p) {
    double sum = 0;
    for (std::size_t c = 0; c < 6; ++c) {
      sum += std::max(0.0, static_cast<double>(a.f32()[c * 12 + p]));
    }
    CHECK(close(
        static_cast<double>(in_a.shared.f32()[p]) + static_cast<double>(in_a.alone.f32()[p]), sum));
    shared_a += static_cast<double>(in_a.shared.f32()[p]) / 12;
  }
  for (const float v : in_b.shared.f32()) shared_b += static_cast<double>(v) / 10;
  CHECK(close(shared_a, shared_b));
  CHECK(close(in_a.overlap, in_b.overlap, 1e-12));
  CHECK(close(pair_evidence(a, a).overlap, 1.0, 1e-12));
  CHECK_THROWS_AS((void)likeness_map(a, random_tensor({1, 5, 3, 4}, 1)), Error);
}

TEST_CASE("compare: ranks and correlations with ties") {
  CHECK(average_ranks(std::vector<double>{1, 2, 2, 3}) == std::vector<double>{1, 2.5, 2.5, 4});
  const std::vector<double> x{1, 2, 2, 3};
  CHECK(close(spearman(x, x), 1.0, 1e-12));
  CHECK(std::isnan(spearman(x, std::vector<double>{1, 1, 1, 1})));
  CHECK_THROWS_AS((void)pearson(x, std::vector<double>{1}), Error);
}
