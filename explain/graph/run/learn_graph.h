#pragma once

#include <string>
#include <vector>

#include "explain/graph/features/graph_features.h"
#include "explain/graph/files/graph_file.h"
#include "explain/graph/learn.h"
#include "explain/pictures/objects.h"
#include "explain/runs/run_context.h"

namespace cutaway::explain {

/// What `cutaway graph learn` is to do.
struct GraphLearnJob {
  std::string model, out;
  ObjectQuery query;
  std::string negatives;  ///< folder; empty: other categories of the data, or the data itself
  std::int64_t most_negatives{300};
  std::vector<std::string> layers;
  std::vector<std::int64_t> nodes;
  graph::Config config;
  std::int64_t batch{8};
  FeatureOptions features;
  std::string checkpoint;         ///< empty: `out` with .checkpoint behind it
  double checkpoint_seconds{60};  ///< between two of them; 0: after every pass
  bool overwrite{false};          ///< `out` may be there
};

struct GraphLearnSummary {
  GraphPackage package;
  std::int64_t images{0};
  double feature_seconds{0}, learn_seconds{0};
  std::string storage;
  bool resumed{false};
  GraphComplaints complaints;
};

/// Learns a graph and writes it. A checkpoint is kept beside it while learning goes on, and when it
/// is interrupted; the same job goes on from there and gives the same bytes. Throws kUsage, before
/// anything is computed, when one of both would replace what is read, or `out` exists.
[[nodiscard]] GraphLearnSummary learn_graph(const GraphLearnJob& job, const RunContext& context);

}  // namespace cutaway::explain
