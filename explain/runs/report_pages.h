#pragma once

#include <string>

#include "explain/report/report.h"
#include "explain/runs/explain_run.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/spool.h"
#include "runtime/observer.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// Rows on a page of the report: what a browser shows without delay.
inline constexpr std::int64_t kRowsPerPage = 100;

/// Writes report.html, report-2.html ... from the spooled rows; `head` without its page numbers.
/// Returns the path of the first page. Throws Cancelled between pages.
std::string write_report(const ExplainJob& job,
                         const weights::Package& package,
                         const Spool& spool,
                         ReportHead head,
                         RunFolder& folder,
                         const Observer& observer);

/// The first pictures with all their maps on one sheet.png; nothing when there are none.
void write_sheet(const ExplainJob& job,
                 const weights::Package& package,
                 const Spool& spool,
                 RunFolder& folder);
inline constexpr std::int64_t kSheetRows = 8;

}  // namespace cutaway::explain

#pragma GCC visibility pop
