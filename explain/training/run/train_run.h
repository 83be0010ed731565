#pragma once

#include "explain/runs/run_context.h"
#include "explain/training/run/train_job.h"

namespace cutaway::training {

/// Throws kUsage when the folder holds a training that is neither to go on nor to be overwritten.
/// For callers who want to know before they read the data; run_training() does it anyway.
void check_folder(const std::string& out, bool resume, bool overwrite);

/// Trains a net. The folder gets
///   recipe.json            everything but net and data, as used
///   division.csv           which picture was trained on, and which was held back
///   checkpoints/           the newest two (weights/checkpoint.h)
///   log.jsonl              a line an update and a line an epoch
///   report.html            curves and filters; it reloads itself while the run goes on
///   watch/                 with explain_every: explanations and features over time (Watch)
///   net.h5                 the trained package
///   predictions.csv, confusion.csv, classes.csv, evaluation.json  (write_evaluation)
///   unreadable.csv         what was left out, and why; only where there is something
///   manifest.json          last
/// A run that is stopped by its observer saves a checkpoint and throws Cancelled; with `resume` it
/// goes on and ends with the same bytes. Where a loss is not finite, and where a picture can no
/// longer be read, the error goes through and the last checkpoint stays. Throws kUsage, kInput,
/// kUnsupported before anything is written, and kInput when a run that is resumed is another's.
[[nodiscard]] TrainSummary run_training(const TrainJob& job, const explain::RunContext& context);

}  // namespace cutaway::training
