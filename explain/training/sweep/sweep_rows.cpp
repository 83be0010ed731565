#include <algorithm>
#include <cmath>
#include <limits>

#include "explain/statistics/distributions.h"
#include "explain/training/sweep/sweep_run.h"

namespace cutaway::training {
namespace {

using explain::Interval;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The mean of a normal sample with Student's interval; of one value without.
Interval mean_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double v : values) mean += v / n;
  Interval interval{.value = mean, .count = static_cast<std::int64_t>(values.size())};
  if (values.size() < 2) return interval;
  for (const double v : values) squares += (v - mean) * (v - mean);
  const double error = std::sqrt(squares / (n - 1) / n);
  const double half =
      error * explain::student_quantile(0.025, static_cast<std::int64_t>(values.size()) - 1);
  interval.low = mean - half;
  interval.high = mean + half;
  return interval;
}

struct Measure {
  const char* name;
  double (*of)(const SweepRun&);
};

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? kNaN : static_cast<double>(part) / static_cast<double>(whole);
}

const Measure kMeasures[] = {
    {"accuracy", [](const SweepRun& r) { return r.accuracy; }},
    {"loss", [](const SweepRun& r) { return r.loss; }},
    {"max_box_acc", [](const SweepRun& r) { return r.max_box_acc; }},
    {"dead_filters", [](const SweepRun& r) { return share(r.dead_filters, r.filters); }},
    {"high_frequencies", [](const SweepRun& r) { return r.high_frequencies; }},
    {"dead_maps", [](const SweepRun& r) { return share(r.dead_maps, r.maps); }},
    {"parameters", [](const SweepRun& r) { return static_cast<double>(r.parameters); }},
    {"seconds", [](const SweepRun& r) { return r.seconds; }},
};

}  // namespace

std::vector<SweepRow> sweep_rows(const std::vector<SweepRun>& runs) {
  std::vector<SweepRow> rows;
  const auto values = [&](const std::string& variant, const Measure& measure) {
    std::vector<double> all;
    for (const SweepRun& r : runs) {
      if (r.variant == variant) all.push_back(measure.of(r));
    }
    return all;
  };
  for (const SweepRun& r : runs) {
    const bool known =
        std::ranges::any_of(rows, [&](const SweepRow& row) { return row.variant == r.variant; });
    if (known) continue;
    SweepRow row{r.variant, {}};
    for (const Measure& measure : kMeasures) {
      const auto here = values(r.variant, measure);
      auto above = here;
      const auto first = values(runs.front().variant, measure);
      for (std::size_t k = 0; k < above.size(); ++k) above[k] -= k < first.size() ? first[k] : kNaN;
      row.measures.push_back({measure.name, mean_of(here), mean_of(above)});
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace cutaway::training
