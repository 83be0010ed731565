#pragma once

#include <string>
#include <vector>

#include "layers/graph.h"

namespace cutaway::weights {

/// Changes to a net, as ablations make them (Zeiler & Fergus 2013, table 3): other extents of some
/// layers, and layers left out.
struct NetEdit {
  struct Change {
    std::string node;
    /// As net files write it (weights/net_file.h): "kernel" stands for both directions. "width" is
    /// the number of maps or features that a layer makes.
    std::string attribute;
    double value{0};
    bool times{false};  ///< `value` is a factor; the result is rounded, at least 1
  };
  std::vector<Change> changes;
  std::vector<std::string> remove;  ///< what read such a node reads its input instead

  [[nodiscard]] bool empty() const noexcept { return changes.empty() && remove.empty(); }
};

/// The net with these changes, its shapes inferred anew. Throws kUsage for nodes and attributes that
/// it does not have, for removing what has several inputs or is the whole net, and kShape, naming
/// the node, where the rest no longer fits.
[[nodiscard]] Graph edited(const Graph& graph, const NetEdit& edit);

}  // namespace cutaway::weights
