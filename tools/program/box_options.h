#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/localization/run/job.h"

namespace cutaway::tools {

class Command;

/// How boxes are found in maps, as `cutaway localize` is told.
struct BoxRuleOptions {
  std::vector<std::string> rules{"threshold"};
  explain::BoxOptions rule;
  bool clean{false};
  std::int64_t jpeg{0};  ///< quality of the JPEG that heat maps go through; 0: none

  /// The rules with their options. Throws kUsage for unknown ones.
  [[nodiscard]] std::vector<explain::RuleChoice> choose(std::uint64_t seed) const;
};

/// Adds --boxes and what the rules take, --threshold to --hard-seeds.
void add_box_options(Command& verb, BoxRuleOptions& options);

}  // namespace cutaway::tools
