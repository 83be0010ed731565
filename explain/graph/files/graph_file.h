#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/graph/graph.h"
#include "explain/graph/learn.h"

namespace cutaway::explain {

/// What is known of a graph besides its nodes.
struct GraphOrigin {
  std::string model_file;  ///< name only
  std::string model_hash;  ///< weights_hash of the net it explains
  std::string category;
  std::int64_t images{0}, negatives{0};
  std::string command, tool_version;
};

struct GraphPackage {
  graph::ExplanatoryGraph graph;
  GraphOrigin origin;
};

/// Writes a graph: a sealed file (explain/graph/files/sealed_file.h), "cutaway explanatory graph",
/// format
/// 1, with
///   /about               JSON text: origin, configuration, and of each layer name, filters, size,
///                        nodes, stride, ...
///   /layerK/mu           N x 2      prior positions (row, column), cells
///   /layerK/mean         N x 2      mean positions over the training images, cells
///   /layerK/delta        N
///   /layerK/mean_total   N
///   /layerK/rank         N
///   /layerK/edges        N x M      nodes of layer K + 1, as float32 (exact); absent in the top
///                                   layer
///   /layerK/sigma        D x S x S  of the activation weights
/// Equal graphs give equal bytes. Throws kInput when it cannot be written.
void save_graph(const GraphPackage& package, const std::string& path);
/// Reads one; everything must be there, fit together, and be finite. Throws kInput.
[[nodiscard]] GraphPackage load_graph(const std::string& path);

/// A checkpoint of learning, "cutaway graph checkpoint": learning from it gives the same graph, bit
/// for bit. `fingerprint` tells what is being learned; load throws kInput when it is another.
void save_checkpoint(const graph::Snapshot& snapshot,
                     const std::string& fingerprint,
                     const std::string& path);
[[nodiscard]] graph::Snapshot load_checkpoint(const std::string& path,
                                              const std::string& fingerprint);

/// Writes what inference found, a sealed file "cutaway graph positions", format 1: /about (JSON:
/// names of the pictures, layers), /layerK/h, w, peak, total: N x I, positions in cells, scores in
/// units of the layer's mean.
void save_positions(const graph::ExplanatoryGraph& graph,
                    const std::vector<graph::Records>& records,
                    const std::vector<std::string>& names,
                    const std::string& path);

}  // namespace cutaway::explain
