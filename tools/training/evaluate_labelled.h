#pragma once

#include <string>
#include <vector>

#include "tools/program/context.h"

namespace cutaway::tools {

/// `cutaway evaluate MODEL --data DATA`: how a classifier does on labelled pictures.
struct EvaluateLabelled {
  std::string model, data;
  std::string out;    ///< folder for tables and report; empty: the line on standard output only
  std::string split;  ///< only pictures of this one; empty: all
  std::vector<std::string> classes;
  std::int64_t batch{32};
};

/// The data's classes are those of the model by their names where the model knows all of them, else
/// by their numbers where there are equally many. Returns the exit code. Throws kUsage and kInput.
[[nodiscard]] int evaluate_labelled(const EvaluateLabelled& options, const Context& context);

}  // namespace cutaway::tools
