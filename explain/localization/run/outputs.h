#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "explain/localization/run/finder.h"
#include "explain/localization/run/resume.h"
#include "explain/report/report.h"
#include "explain/runs/output_names.h"
#include "explain/runs/run_folder.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// Names of a table's rows and of its curves.
struct RowNames {
  /// Method and rule. The last two rows are boxes chosen without looking at the picture.
  std::vector<std::pair<std::string, std::string>> rows;
  std::vector<std::string> maps;  ///< methods; the last is such a box, too
};
[[nodiscard]] RowNames row_names(const LocalizeJob& job);

/// Writes what a run of `localize` leaves behind, except for its manifest.
class LocalizeOutputs {
 public:
  /// Writes into `folder`, which is open.
  LocalizeOutputs(const LocalizeJob& job, const weights::Package& package, RunFolder& folder);

  /// Picture n, in order; its lines of boxes.csv.
  std::string add(std::int64_t n, const Located& picture);
  /// The same for one that the journal knows. It must not be among those that are drawn.
  void add(std::int64_t n, const LocalizedPicture& picture);
  /// The table as JSON.
  void write_results(const LocalizeSummary& summary);
  /// Closes boxes.csv, writes the report; its path.
  std::string finish(ReportHead head);

 private:
  [[nodiscard]] std::string lines_of(const Located& picture) const;
  void draw(const Located& picture, const std::string& stem);
  [[nodiscard]] ReportRow report_row(const Located& picture) const;

  const LocalizeJob& job_;
  const weights::Package& package_;
  RunFolder& folder_;
  RowNames names_;
  OutputNames files_;
  std::ofstream lines_;
  std::vector<ReportRow> report_;
};

/// The table for machines.
[[nodiscard]] std::string results_json(const LocalizeJob& job, const LocalizeSummary& summary);

}  // namespace cutaway::explain

#pragma GCC visibility pop
