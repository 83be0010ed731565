#pragma once

#include <string>
#include <vector>

#include "explain/training/run/evaluate_run.h"
#include "tools/program/context.h"

namespace cutaway::tools {

/// The command line of `cutaway evaluate MODEL --data DATA`.
struct EvaluateLabelled {
  training::EvaluationJob job;
  std::vector<std::string> classes;  ///< only these; empty: all
};

/// Runs it and prints what came of it. Returns the exit code. Throws as training::run_evaluation and
/// open_labelled.
[[nodiscard]] int evaluate_labelled(const EvaluateLabelled& options, const Context& context);

}  // namespace cutaway::tools
