#pragma once

#include <vector>

#include "explain/compare/feature_extractor.h"
#include "explain/compare/run/job.h"
#include "explain/runs/journal.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// The vectors that a comparison needs: the pixels first, then of every layer the representations
/// asked for, and flat maps where distances compare maps. No request stands there twice.
[[nodiscard]] std::vector<FeatureRequest> compare_requests(const CompareJob& job,
                                                           const Graph& graph);

/// What a run is: all that decides what it writes.
[[nodiscard]] Record compare_identity(const CompareJob& job,
                                      const weights::Package& package,
                                      const RunContext& context);

}  // namespace cutaway::explain

#pragma GCC visibility pop
