#pragma once

#include "explain/evaluate/run/job.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

namespace cutaway::explain {

/// Measures explanations on pictures: every method and four maps that know no network, by every
/// metric asked for. The folder gets
///   metrics.csv   a line a picture, method and metric
///   summary.csv   mean, 95 % interval and rank of every method by every metric
///   paired.csv    every method against every other on the same pictures
///   curves.csv    mean deletion and insertion curves, where they were asked for
///   sanity.csv    similarity of maps under new weights, where asked for
///   continuity.csv, continuity.gif
///                 how maps change while the picture moves or gets noise, where asked for
///   index.jsonl   what is done, picture by picture: a stopped run goes on with `resume`
///   report.html, manifest.json
/// A picture that cannot be read is a failure of that picture. Throws kUsage, kInput, kUnsupported,
/// and Cancelled when the observer says so.
[[nodiscard]] EvaluateSummary run_evaluate(const EvaluateJob& job,
                                           const weights::Package& package,
                                           const RunContext& context);

}  // namespace cutaway::explain
