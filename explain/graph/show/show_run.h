#pragma once

#include <cstdint>
#include <string>

#include "explain/graph/show/show_graph.h"

namespace cutaway::explain {

/// What `cutaway graph infer` and `graph show` are to do. The seed of the objects is the context's.
struct GraphShowJob {
  SceneQuery scene;
  ShowOptions show;
  std::string out;
  bool overwrite{false};  ///< the folder may hold another run
};

struct GraphInferSummary {
  std::int64_t images{0};
  GraphComplaints complaints;
  double feature_seconds{0}, infer_ms{0};  ///< infer_ms: a picture
  std::string positions, all_positions, manifest;
};

/// Finds the nodes of a graph in pictures and writes what write_positions says; manifest.json last.
/// Throws kUsage when the folder holds a finished run or what is read, or an output is a link, and
/// as open_scene.
[[nodiscard]] GraphInferSummary run_graph_infer(const GraphShowJob& job, const RunContext& context);

struct GraphShowSummary {
  std::int64_t images{0};
  GraphComplaints complaints;
  std::string page, dot, manifest;
};

/// The same with what write_pictures says.
[[nodiscard]] GraphShowSummary run_graph_show(const GraphShowJob& job, const RunContext& context);

}  // namespace cutaway::explain
