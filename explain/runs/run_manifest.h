#pragma once

#include <string>

#include "explain/report/manifest.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

namespace cutaway::explain {

/// What every run's manifest says of itself: the program and its command line, when the run began, the
/// model with
/// `weights_hash` (weights::weights_hash), its preprocessing, seed, device, precision and threads.
/// Methods, counts, timings and failures are the run's.
[[nodiscard]] Manifest start_manifest(const std::string& model_path,
                                      const std::string& weights_hash,
                                      const weights::Package& package,
                                      const RunContext& context);
/// The same without model and preprocessing.
[[nodiscard]] Manifest start_manifest(const RunContext& context);

}  // namespace cutaway::explain
