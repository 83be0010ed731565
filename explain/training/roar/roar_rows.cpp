#include <algorithm>
#include <limits>

#include "explain/statistics/mean_interval.h"
#include "explain/training/roar/roar_run.h"

namespace cutaway::training {
namespace {

explain::Interval mean_of(const std::vector<double>& values) {
  explain::BootstrapOptions numbers;
  numbers.shares = false;  // accuracies of 0 and 1 are numbers like others
  return mean_interval(values, numbers);
}

double accuracy_of(const std::vector<RoarRun>& runs,
                   const std::string& method,
                   double level,
                   std::uint64_t seed) {
  const auto at = std::ranges::find_if(runs, [&](const RoarRun& r) {
    return r.method == method && r.level == level && r.seed == seed;
  });
  return at == runs.end() ? std::numeric_limits<double>::quiet_NaN() : at->accuracy;
}

/// By trapezia, divided by the range; of one level the value.
double area_of(const std::vector<RoarRun>& runs,
               const std::string& method,
               const std::vector<double>& levels,
               std::uint64_t seed) {
  double area = 0;
  for (std::size_t k = 1; k < levels.size(); ++k) {
    area += (levels[k] - levels[k - 1]) / 2 *
            (accuracy_of(runs, method, levels[k], seed) +
             accuracy_of(runs, method, levels[k - 1], seed));
  }
  return levels.size() == 1 ? accuracy_of(runs, method, levels.front(), seed)
                            : area / (levels.back() - levels.front());
}

}  // namespace

std::vector<RoarRow> roar_rows(const std::vector<RoarRun>& runs,
                               const std::vector<double>& levels,
                               const std::vector<std::uint64_t>& seeds) {
  std::vector<RoarRow> rows;
  for (const RoarRun& run : runs) {
    const bool known =
        std::ranges::any_of(rows, [&](const RoarRow& row) { return row.method == run.method; });
    if (known || run.method == "intact") continue;
    RoarRow row;
    row.method = run.method;
    for (const double level : levels) {
      std::vector<double> accuracies;
      for (const std::uint64_t seed : seeds)
        accuracies.push_back(accuracy_of(runs, run.method, level, seed));
      row.accuracy.push_back(mean_of(accuracies));
    }
    std::vector<double> areas, above;
    for (const std::uint64_t seed : seeds) {
      areas.push_back(area_of(runs, run.method, levels, seed));
      above.push_back(areas.back() - area_of(runs, "random", levels, seed));
    }
    row.area = mean_of(areas);
    row.against_random = mean_of(above);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace cutaway::training
