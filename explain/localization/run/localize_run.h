#pragma once

#include "explain/localization/run/job.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

namespace cutaway::explain {

/// Looks for objects in all pictures: for each of the net's first classes (and the true one) the
/// maps of all methods, and from every map the boxes of all rules. In the output folder appear
///   boxes.csv       a line a picture, method, rule, class and box, in the pixels of the picture's
///                   file
///   {image}.png     of the first pictures: a column a class, a row a method and rule
///   report.html     the same pictures, for the first class
///   results.json    where the true boxes are known: errors with 95 % intervals, and beside them
///                   those of boxes that are chosen without looking at the picture
///   manifest.json   written last
/// A picture that cannot be read is listed and skipped. Throws kUsage when the folder holds a
/// finished run, kInput where the truth is damaged or knows none of the pictures, and as methods
/// and rules do.
[[nodiscard]] LocalizeSummary run_localize(const LocalizeJob& job,
                                           const weights::Package& package,
                                           const RunContext& context);

}  // namespace cutaway::explain
