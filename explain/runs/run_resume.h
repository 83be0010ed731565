#pragma once

#include "explain/runs/explain_run.h"
#include "explain/runs/journal.h"
#include "explain/runs/method_record.h"
#include "explain/runs/output_names.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// What a run is: all that decides what it writes. Two runs with equal identities write the same
/// files.
[[nodiscard]] Record run_identity(const ExplainJob& job,
                                  const weights::Package& package,
                                  const std::vector<Explainers::Layer>& layers,
                                  const RunContext& context);

/// The next entry of the inputs, which must be the one that the journal's line is about. Throws
/// kUsage.
[[nodiscard]] ImageEntry follow(const Record& line, ImageSource& source, bool content);
/// Throws kUsage, saying what differs, when the journal is that of another run.
void check_same_run(const JournalReader& reader, const Record& identity, const std::string& out);

/// Counts of images that are done.
struct Tally {
  std::int64_t images{0}, maps{0}, failed{0}, labelled{0}, correct{0};
  std::vector<std::pair<std::string, std::string>> failures;  ///< the first thousand

  /// Adds what a journal's line says.
  void add(const Record& line);
  static constexpr std::size_t kMostFailures = 1000;
};

/// Goes through the journal in the run's folder and the inputs side by side, up to where the run
/// was stopped: `source` and `names` then stand at the first image that is not done, whose number
/// is tally.images + tally.failed. Throws kUsage, saying what differs, when it is the journal of
/// another run or the inputs are others.
[[nodiscard]] Journal resume_run(const ExplainJob& job,
                                 const Record& identity,
                                 ImageSource& source,
                                 OutputNames& names,
                                 MethodRecords& records,
                                 Tally& tally,
                                 const RunContext& context);

}  // namespace cutaway::explain

#pragma GCC visibility pop
