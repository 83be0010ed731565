#pragma once

#include <cstdint>
#include <string>

#include "explain/graph/evaluation/evaluate_graph.h"

namespace cutaway::explain {

/// What `cutaway graph evaluate` is to do. The seeds of the scene and of `options` are the
/// context's.
struct GraphEvaluateJob {
  SceneQuery scene;
  GraphEvaluationOptions options;
  std::string sheets;     ///< folder for judging sheets; empty: none
  bool overwrite{false};  ///< it may hold other sheets
};

struct GraphEvaluateSummary {
  GraphEvaluation evaluation;
  std::string category;
  std::int64_t images{0};
  GraphComplaints complaints;
  double feature_seconds{0}, infer_ms{0};  ///< infer_ms: a picture
};

/// Finds the nodes of a graph in pictures and measures them (evaluate_graph). With `sheets`, writes
/// what write_sheets says, manifest.json last; throws kUsage when that folder holds finished sheets
/// or what is read, or an output is a link.
[[nodiscard]] GraphEvaluateSummary run_graph_evaluate(const GraphEvaluateJob& job,
                                                      const RunContext& context);

/// All of it as one JSON object, indented by two: intervals are value, low, high; the value alone
/// where no interval is known.
[[nodiscard]] std::string results_json(const GraphEvaluateJob& job,
                                       const GraphEvaluateSummary& summary);

}  // namespace cutaway::explain
