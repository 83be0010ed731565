#pragma once

#include <memory>
#include <string>
#include <vector>

#include "explain/runs/explain_run.h"
#include "explain/runs/journal.h"
#include "explain/runs/output_names.h"
#include "explain/runs/pack.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/spool.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// All that is known of one image when it is done.
struct ImageOutcome {
  std::int64_t number{0};
  std::string stem;  ///< of its files
  ImageEntry entry;
  SpooledRow spooled;  ///< row and cells; row.error is set where the picture failed
  std::vector<std::pair<std::string, double>> predictions;
};

/// Brings finished images to the disk, in order: first their files, then their lines for the
/// journal, so that what the journal names is there.
class RunOutputs {
 public:
  RunOutputs(const ExplainJob& job, const weights::Package& package, RunFolder& folder)
      : job_(job), package_(package), folder_(folder), names_(package), spool_(job.out) {}

  /// Lines for methods that were seen for the first time.
  void note(const std::vector<Record>& lines) {
    lines_.insert(lines_.end(), lines.begin(), lines.end());
  }
  /// Writes the image's files (and sets the cells' file names) or its row of the pack.
  void add(ImageOutcome& outcome);
  /// The lines of what is on the disk for good. With a pack, a part is closed when it is full or
  /// `last`, and lines wait for the part that holds their maps.
  [[nodiscard]] std::vector<Record> commit(bool last);
  /// Removes parts of the pack that begin at image `first` or later: the journal does not know
  /// them.
  void drop_parts(std::int64_t first) const;
  /// maps.h5 of all its parts.
  void merge_parts() const;
  /// Removes what only a running or stopped run needs.
  void clean() const;
  [[nodiscard]] const Spool& spool() const noexcept { return spool_; }

  /// True when the files that a journal's line names are there in full.
  [[nodiscard]] static bool files_are_there(const Record& line, const std::string& out);

 private:
  void write_files(ImageOutcome& outcome);
  [[nodiscard]] Record line_of(const ImageOutcome& outcome) const;
  [[nodiscard]] std::string parts_folder() const { return job_.out + "/.parts"; }

  const ExplainJob& job_;
  const weights::Package& package_;
  RunFolder& folder_;
  MapNames names_;
  Spool spool_;
  std::vector<Record> lines_;
  std::unique_ptr<PackWriter> part_;
  std::string part_name_;
};

}  // namespace cutaway::explain

#pragma GCC visibility pop
