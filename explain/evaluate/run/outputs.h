#pragma once

#include <string>
#include <vector>

#include "explain/evaluate/run/continuity_study.h"
#include "explain/evaluate/run/job.h"
#include "explain/evaluate/run/measure.h"
#include "explain/study/run/page.h"

namespace cutaway::explain {

/// Everything measured, and what follows from it.
struct EvaluateResults {
  std::vector<std::string> methods;  ///< rows, the baselines last
  std::vector<MetricInfo> metrics;   ///< columns
  std::vector<PictureResult> pictures;
  std::vector<SanityCurve> sanity;  ///< a row each
  std::vector<ContinuityRow> continuity;

  /// Values of one metric, a row a method.
  [[nodiscard]] MetricTable table(std::size_t metric) const;
};

/// Mean curve of every method; empty where there are none.
[[nodiscard]] std::vector<std::vector<double>> mean_curves(
    const EvaluateResults& results, std::vector<std::vector<double>> PictureResult::*curves);

[[nodiscard]] std::string metrics_csv(const EvaluateResults& results);
[[nodiscard]] std::string summary_csv(const EvaluateResults& results);
[[nodiscard]] std::string paired_csv(const EvaluateResults& results);
[[nodiscard]] std::string curves_csv(const EvaluateResults& results);
[[nodiscard]] std::string sanity_csv(const EvaluateResults& results);

/// Tables and charts of the report; pictures are the caller's.
void add_tables(StudyPage& page, const EvaluateResults& results);

/// A field of a CSV line, quoted where it must be.
[[nodiscard]] std::string csv_field(const std::string& text);
[[nodiscard]] std::string csv_value(double v);

}  // namespace cutaway::explain
