#pragma once

#include <optional>
#include <string>

#include "explain/localization/run/job.h"
#include "explain/runs/journal.h"
#include "weights/package.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// What a run keeps of a picture that is done: its lines of boxes.csv and what the table needs.
struct LocalizedPicture {
  std::string name, error, lines;
  bool labelled{false}, top1{false}, topk{false};  ///< its class is known, right, among the first
  std::optional<PictureScore> score;
};

/// A line of the run's journal (index.jsonl, explain/runs/journal.h), and back. picture_of
/// throws kInput when the line is not that of a picture; `path` is the journal's.
[[nodiscard]] Record record_of(std::int64_t n, const LocalizedPicture& picture);
[[nodiscard]] LocalizedPicture picture_of(const Record& line, const std::string& path);

/// All that decides what a run writes, as run_identity (explain/runs/run_resume.h). The
/// groups of the intervals and the step of the thresholds may change: they are read at the end.
[[nodiscard]] Record localize_identity(const LocalizeJob& job,
                                       const weights::Package& package,
                                       const Explainers::Layer& layer,
                                       const RunContext& context);

}  // namespace cutaway::explain

#pragma GCC visibility pop
