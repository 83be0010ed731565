// Distributions and the jackknife; what intervals cover is simulated where they are printed.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "explain/statistics/distributions.h"
#include "explain/statistics/jackknife.h"

using namespace cutaway::explain;

TEST_CASE("statistics: quantiles of the printed tables") {
  CHECK(normal_quantile(0.025) == doctest::Approx(1.959964).epsilon(1e-6));
  CHECK(student_quantile(0.025, 1) == doctest::Approx(12.70620).epsilon(1e-6));
  CHECK(student_quantile(0.025, 2) == doctest::Approx(4.302653).epsilon(1e-6));
  CHECK(student_quantile(0.025, 3) == doctest::Approx(3.182446).epsilon(1e-6));
  CHECK(student_quantile(0.025, 9) == doctest::Approx(2.262157).epsilon(1e-6));
  CHECK(student_quantile(0.025, 30) == doctest::Approx(2.042272).epsilon(1e-6));
  CHECK(student_quantile(0.025, 199) == doctest::Approx(1.971957).epsilon(1e-6));
  CHECK(student_quantile(0.025, 100000) == doctest::Approx(1.959988).epsilon(1e-4));
  CHECK(student_tail(0.0, 7) == doctest::Approx(0.5));
}

TEST_CASE("statistics: the jackknife of a mean is the classical interval") {
  const std::vector<double> v{3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  const auto mean = [&](const std::vector<int>& kept) {
    double sum = 0, n = 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      sum += kept[i] * v[i];
      n += kept[i];
    }
    return sum / n;
  };
  // Mean 3.9, variance 54.9 / 9, t(9) = 2.262157.
  const Interval i = jackknife_of(LeftOut(10, 200, 1), Range::kAny, mean);
  CHECK(i.value == doctest::Approx(3.9));
  CHECK(i.high - i.value == doctest::Approx(2.262157 * std::sqrt(54.9 / 90)).epsilon(1e-6));
  CHECK(i.value - i.low == doctest::Approx(i.high - i.value));
  // On the logarithm: ends at equal ratios.
  const Interval p = jackknife_of(LeftOut(10, 200, 1), Range::kPositive, mean);
  CHECK(p.high / p.value == doctest::Approx(p.value / p.low));
  CHECK(p.low > 0);
  // Three groups of 4, 3 and 3: wide, but there. Nothing left out: unknown.
  CHECK(jackknife_of(LeftOut(10, 3, 1), Range::kAny, mean).known());
  CHECK_FALSE(jackknife_of(LeftOut(10, 0, 1), Range::kAny, mean).known());
  CHECK_FALSE(jackknife_of(LeftOut(1, 200, 1), Range::kAny, mean).known());
  CHECK_FALSE(jackknife_of(LeftOut(10, 200, 1), Range::kAny, [&](const std::vector<int>& kept) {
                return kept[4] == 0 ? std::nan("") : 1.0;
              }).known());
}

TEST_CASE("statistics: shares keep to 0 and 1, and all hits are no certainty") {
  const std::vector<double> all(21, 1.0);
  const Interval sure = jackknife(all, LeftOut(20, 20, 0), Range::kShare);
  CHECK(sure.high == doctest::Approx(1.0));
  const double t = student_quantile(0.025, 19);
  CHECK(sure.low == doctest::Approx(20 / (20 + t * t)));
  // One hit of 20: t intervals would go below 0.
  std::vector<double> rare{1.0 / 20};
  for (int i = 0; i < 20; ++i) rare.push_back(i == 0 ? 0.0 : 1.0 / 19);
  const Interval one = jackknife(rare, LeftOut(20, 20, 0), Range::kShare);
  CHECK(one.low > 0.0);
  CHECK(one.high < 0.3);
}

TEST_CASE("statistics: groups hold every picture once, as evenly as can be") {
  const LeftOut groups(23, 5, 3);
  REQUIRE(groups.groups() == 5);
  std::vector<int> left(23, 0);
  for (std::int64_t k = 1; k <= 5; ++k) {
    const std::vector<int> kept = groups.kept(k);
    CHECK(std::ranges::count(kept, 0) == groups.size(k - 1));
    CHECK((groups.size(k - 1) == 4 || groups.size(k - 1) == 5));
    for (std::size_t i = 0; i < left.size(); ++i) left[i] += kept[i] == 0 ? 1 : 0;
  }
  CHECK(std::ranges::all_of(left, [](int n) { return n == 1; }));
  CHECK(std::ranges::count(groups.kept(0), 1) == 23);
  // Neighbours in the list, often of one class, are not all in different groups.
  CHECK(groups.kept(1) != LeftOut(23, 5, 4).kept(1));
}
