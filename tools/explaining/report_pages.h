#pragma once

#include <string>

#include "tools/explaining/run.h"
#include "tools/explaining/spool.h"
#include "tools/report/report.h"

namespace cutaway::tools {

/// Rows on a page of the report: what a browser shows without delay.
inline constexpr std::int64_t kRowsPerPage = 100;

/// Writes report.html, report-2.html ... from the spooled rows; `head` without its page numbers.
/// Returns the path of the first page.
std::string write_report(const ExplainJob& job,
                         const weights::Package& package,
                         const Spool& spool,
                         ReportHead head);

/// The first pictures with all their maps on one sheet.png; nothing when there are none.
void write_sheet(const ExplainJob& job, const weights::Package& package, const Spool& spool);
inline constexpr std::int64_t kSheetRows = 8;

}  // namespace cutaway::tools
