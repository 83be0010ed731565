#pragma once

#include <string>
#include <utility>
#include <vector>

#include "explain/pictures/source.h"
#include "explain/runs/run_context.h"
#include "explain/visualize/objective.h"
#include "explain/visualize/run/visualize_run.h"
#include "weights/package.h"

namespace cutaway::explain {

/// One thing to visualise.
struct Subject {
  std::string name, caption;  ///< for people
  std::string word;           ///< of its files; no two subjects of a job share one
  NodeId node{0};
  ObjectivePtr objective;
};

/// All that a job asks for. Throws kUsage when that is nothing, and as reading does.
[[nodiscard]] std::vector<Subject> subjects_of(const VisualizeJob& job,
                                               const weights::Package& package,
                                               const RunContext& context);

/// The shape of a job's pictures as far as it says so; the net's own otherwise.
[[nodiscard]] Shape asked_shape(const VisualizeJob& job, const Graph& graph);
/// The shape in which a subject is climbed, and who says so: Lucid's own side, unless one is given,
/// the net takes smaller pictures, or a layer takes its own size only.
[[nodiscard]] std::pair<Shape, const char*> shape_of(const VisualizeJob& job,
                                                     const Model& model,
                                                     NodeId node);

/// A photograph as the net takes it. `own_shape`: it keeps its shape, as dreams do; the longer side
/// may be limited.
[[nodiscard]] Tensor photograph(const VisualizeJob& job,
                                const weights::Package& package,
                                const std::string& path,
                                bool own_shape);

}  // namespace cutaway::explain
