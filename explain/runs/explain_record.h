#pragma once

#include <string>

#include "explain/report/manifest.h"
#include "explain/report/report.h"
#include "explain/runs/complaints.h"
#include "explain/runs/explain_batch.h"
#include "explain/runs/gauge.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// Counts of images that are done.
struct Tally {
  std::int64_t images{0}, maps{0}, refused{0}, labelled{0}, correct{0};
  Complaints failed;

  /// All images.
  [[nodiscard]] std::int64_t all() const { return images + failed.count; }
  /// Adds what a journal's line says, or an image that is done.
  void add(const Record& line);
  void add(const ImageOutcome& outcome);
};

/// All that a run of `explain` says of itself when it is over.
struct ExplainRecord {
  const ResolvedExplain& resolved;
  const weights::Package& package;
  const RunContext& context;
  const BatchExplainer& explainer;
  const Tally& tally;
  std::string hash;  ///< of the weights
  std::int64_t batch{0}, resumed{0};
  double write_seconds{0};

  [[nodiscard]] ReportHead head() const;
  [[nodiscard]] Manifest manifest(const Gauge& gauge, const NamedValue& files) const;
};

}  // namespace cutaway::explain

#pragma GCC visibility pop
