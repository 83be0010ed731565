#include "explain/evaluate/uncertainty.h"

#include <functional>

#include "runtime/error.h"
#include "runtime/philox.h"
#include "tests/explain/compare_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::tests;

namespace {

/// The share of simulated data sets whose interval holds the true mean.
double coverage(std::uint64_t seed,
                std::int64_t pictures,
                double truth,
                int trials,
                const std::function<double(double uniform, double normal)>& draw) {
  int held = 0;
  for (int t = 0; t < trials; ++t) {
    const Philox random{seed, static_cast<std::uint64_t>(t)};
    std::vector<double> values;
    for (std::int64_t i = 0; i < pictures; ++i) {
      const auto k = static_cast<std::uint64_t>(i);
      values.push_back(draw(static_cast<double>(random.uniform(1000000 + k)),
                            static_cast<double>(normal(random, k))));
    }
    BootstrapOptions o;
    o.resamples = 400;
    o.seed = static_cast<std::uint64_t>(t);
    const Interval i = mean_interval(values, o);
    held += i.low <= truth && truth <= i.high ? 1 : 0;
  }
  return static_cast<double>(held) / trials;
}

}  // namespace

TEST_CASE("evaluate: intervals of 95 % hold the true mean in 92 to 98 % of simulated data sets") {
  struct Case {
    const char* name;
    double truth;
    std::function<double(double, double)> draw;
  };
  // What metrics look like: even and skewed areas under curves, drops in percent with many zeros,
  // hits and misses.
  const Case cases[] = {{"normal", 0.0, [](double, double z) { return z; }},
                        {"skewed area", 1.0 / 3, [](double u, double) { return u * u; }},
                        {"exponential", 1.0, [](double u, double) { return -std::log(1 - u); }},
                        {"drop with zeros", 0.3,
                         [](double u, double) { return u < 0.4 ? 0.0 : (u - 0.4) / 0.6 * 1.0; }},
                        {"hits", 0.8, [](double u, double) { return u < 0.8 ? 1.0 : 0.0; }},
                        {"rare hits", 0.1, [](double u, double) { return u < 0.1 ? 1.0 : 0.0; }}};
  constexpr int kTrials = 1000;  // standard error of a coverage of 95 %: 0.7 %
  std::uint64_t seed = 1'000'000;
  for (const Case& c : cases) {
    for (const std::int64_t n : {30, 200}) {
      const double share = coverage(++seed, n, c.truth, kTrials, c.draw);
      MESSAGE(std::string(c.name) << ", " << n << " pictures: " << share);
      CHECK(share >= 0.92);
      CHECK(share <= 0.98);
    }
  }
}

TEST_CASE("evaluate: intervals of few values hold the true mean as often") {
  std::uint64_t seed = 2'000'000;
  for (const std::int64_t n : {2, 5, 9, 10}) {
    const double share = coverage(++seed, n, 0.0, 1000, [](double, double z) { return z; });
    MESSAGE(n << " pictures: " << share);
    CHECK(share >= 0.92);
    CHECK(share <= 0.98);
  }
}

TEST_CASE("evaluate: intervals of what can be known") {
  const std::vector<double> ones{1, 1, 1};
  CHECK(mean_interval(ones).low < 0.5);  // three hits of three
  BootstrapOptions numbers;
  numbers.shares = false;  // three correlations of 1
  CHECK(mean_interval(ones, numbers).low == 1.0);
  const std::vector<double> same{2, 2, 2};
  CHECK(mean_interval(same).low == 2);
  CHECK(mean_interval(same).high == 2);
  CHECK(std::isnan(mean_interval({}).value));
  CHECK(mean_interval(std::vector<double>{3}).count == 1);
  CHECK_FALSE(mean_interval(std::vector<double>{3}).known());
  const Interval two = mean_interval(std::vector<double>{1, 3});
  CHECK(two.known());
  CHECK(two.high == doctest::Approx(2 + 12.7062).epsilon(1e-5));  // Student's, one degree
  CHECK(two.low == doctest::Approx(2 - 12.7062).epsilon(1e-5));
  const std::vector<double> gap{1, std::nan(""), 3, 4};
  CHECK(mean_interval(gap).count == 3);
  CHECK(close(mean_interval(gap).value, 8.0 / 3, 1e-12));
  CHECK(mean_interval(gap).low == mean_interval(gap).low);  // NaN would differ from itself
  const std::vector<double> values{1, 2, 3, 4, 5, 6, 7, 20};
  BootstrapOptions o;
  const Interval wide = mean_interval(values, o);
  o.level = 0.5;
  const Interval narrow = mean_interval(values, o);
  CHECK(wide.low < narrow.low);
  CHECK(narrow.low < narrow.value);
  CHECK(narrow.value < narrow.high);
  CHECK(narrow.high < wide.high);
  o.level = 1;
  CHECK_THROWS_AS((void)mean_interval(values, o), Error);
}

TEST_CASE("evaluate: paired comparison") {
  const CompareBundle bundle;
  const auto differences = bundle.values("/tests/differences");
  const auto golden = bundle.values("/tests/values");
  std::vector<double> a, b;
  for (const float d : differences) {
    a.push_back(static_cast<double>(d));
    b.push_back(0.0);
  }
  const PairedComparison c = compare_paired(a, b, true);
  CHECK(close(c.wilcoxon_p, golden[0]));
  CHECK(close(c.sign_p, golden[1]));
  const PairedComparison lower = compare_paired(a, b, false);
  CHECK(lower.better == c.worse);
  CHECK(close(lower.share + c.share, 1.0, 1e-12));
  CHECK(c.better + c.worse + c.equal == 60);
  CHECK(close(lower.wilcoxon_p, c.wilcoxon_p, 1e-12));
  CHECK(compare_paired(a, a, true).share == 0.5);
  CHECK(compare_paired(a, a, true).sign_p == 1.0);
  CHECK(compare_paired(a, a, true).wilcoxon_p == 1.0);
  CHECK_THROWS_AS((void)compare_paired(a, std::vector<double>{1}, true), Error);
  // Seven of 23, by Wilson.
  std::vector<double> hits(23, 0.0);
  std::fill_n(hits.begin(), 7, 1.0);
  CHECK(close(mean_interval(hits).low, golden[2]));
  CHECK(close(mean_interval(hits).high, golden[3]));
  // Holm by hand.
  const auto p = holm_adjusted(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  const std::vector<double> want{0.03, 0.06, 0.06, 0.02};
  for (std::size_t k = 0; k < 4; ++k) CHECK(close(p[k], want[k], 1e-12));
}

TEST_CASE("evaluate: ranks of methods and disputed pictures") {
  const MetricTable table{{{.125, .25, .875}, {.125, .75, .125}, {.375, .25, .625}}, false};
  CHECK(rank_methods(table) == std::vector<double>{2.5, 1, 2.5});
  CHECK(rank_methods({table.values, true}) == std::vector<double>{1.5, 3, 1.5});
  CHECK(most_disputed(table, 2) == std::vector<std::int64_t>{2, 1});
}
