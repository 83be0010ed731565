#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "explain/training/run/evaluation.h"

namespace cutaway::training {

/// What `cutaway evaluate MODEL --data DATA` is to do.
struct EvaluationJob {
  std::string model, data;  ///< data: what `open` reads, which no result may replace
  std::string out;          ///< folder for tables and report; empty: none
  std::string split;        ///< only pictures of this one; empty: all
  std::int64_t batch{32};
};

struct EvaluationSummary {
  Evaluation evaluation;
  std::vector<std::pair<std::string, std::string>> left_out;  ///< pictures, and why
};

/// How a classifier does on labelled pictures; what write_evaluation says and report.html go to
/// job.out. `open` gives the pictures for a net of that input height. Their classes are those of the
/// model by their names where the model knows all of them, else by their numbers where there are
/// equally many. Throws kUsage when `out` is, or holds, what is read, and kInput when classes or
/// pictures do not suit.
[[nodiscard]] EvaluationSummary run_evaluation(
    const EvaluationJob& job,
    const std::function<LabelledSet(std::int64_t height)>& open,
    const explain::RunContext& context);

}  // namespace cutaway::training
