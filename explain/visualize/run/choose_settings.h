#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/visualize/run/visualize_run.h"

namespace cutaway::explain {

/// The ascent's settings as users name them. `mode`: as parse_mode; empty: what suits the job.
/// `steps` 0: the mode's own number. `options`: NAME=VALUE; what is not given has the mode's
/// default, and for penalized ascents and inversions what was found to serve them.
struct AscentChoice {
  std::string mode;
  std::vector<std::string> options;
  std::int64_t steps{0};
};

/// Sets job.settings, and job.frame_every where an animation needs it. Throws kUsage for unknown
/// modes and options, and when only one of mode and job dreams.
void choose_settings(const AscentChoice& choice, std::uint64_t seed, VisualizeJob& job);

}  // namespace cutaway::explain
