#pragma once

#include <string>
#include <vector>

#include "explain/promise.h"
#include "explain/report/drawing/graph_drawing.h"
#include "explain/report/layer_table.h"
#include "explain/runs/run_context.h"
#include "weights/package.h"

namespace cutaway::explain {

/// What `cutaway info MODEL` is to do.
struct DescribeJob {
  std::string model;
  std::string dot, svg;   ///< files for a drawing of the graph; may be empty
  bool overwrite{false};  ///< they may be there
};

struct NetDescription {
  weights::Package package;  ///< its structure; parameters are not computed with
  std::vector<LayerRow> layers;
  GraphMemory memory;
  /// Of every method that suits the net; empty for nets that do not end in class scores, which no
  /// method explains.
  std::vector<MemoryPromise> promises;
};

/// Describes a net, and draws it. Throws kUsage, before anything is read, when a drawing exists or
/// would replace the model.
[[nodiscard]] NetDescription run_describe(const DescribeJob& job, const RunContext& context);

/// Parameters, costs, memory and layers as one JSON object, indented by two.
[[nodiscard]] std::string description_json(const NetDescription& net);

}  // namespace cutaway::explain
