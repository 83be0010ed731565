#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/report/report.h"

// The frame of the report page; private to explain/report; its style sheet
// (without colour maps, which the report adds) and script are page.css and page.js.
namespace cutaway::explain::page {

/// What the rows add up to, or the whole run.
struct Facts {
  std::int64_t images{0}, labelled{0}, correct{0}, failed{0};
  bool rows_labelled{false}, rows_failed{false};  ///< of this page: what can be filtered for
  std::vector<std::string> methods;
  bool has_shared{false};
  bool has_heat{false};  ///< a map that is laid over its photo
  double heat_weight{0.5};
};

/// Everything before the first row and after the last.
[[nodiscard]] std::string opening(const ReportHead& head,
                                  const Facts& facts,
                                  const std::string& ramps);
[[nodiscard]] std::string closing(const ReportHead& head, const Facts& facts);

}  // namespace cutaway::explain::page
