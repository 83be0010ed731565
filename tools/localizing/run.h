#pragma once

#include "tools/localizing/job.h"
#include "tools/program/context.h"
#include "weights/package.h"

namespace cutaway::tools {

/// Looks for objects in all pictures: for each of the net's first classes (and the true one) the
/// maps of all methods, and from every map the boxes of all rules. In the output folder appear
///   boxes.csv      a line a picture, method, rule, class and box, in the pixels of the picture's
///   file {image}.png    of the first pictures: classes side by side, methods and rules below each
///   other report.html    the same pictures for the first class results.json   with truth: the
///   table, with 95 % intervals, beside boxes that know nothing of the picture manifest.json  last
/// A picture that cannot be read is listed and skipped. Throws kUsage when the folder holds a
/// finished run, kInput where the truth is damaged or knows none of the pictures, and as methods
/// and rules do.
[[nodiscard]] LocalizeSummary run_localize(const LocalizeJob& job,
                                           const weights::Package& package,
                                           const Context& context);

}  // namespace cutaway::tools
