#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/compare/distance.h"
#include "explain/compare/representation.h"
#include "explain/compare/statistics.h"
#include "explain/pictures/source.h"
#include "layers/graph.h"

namespace cutaway::explain {

/// What `cutaway compare MODEL DATA` is to do.
struct CompareJob {
  std::string model_path, out;
  std::vector<std::string> inputs;
  SourceOptions source;
  std::vector<std::string> layers;  ///< empty: compared_layers()
  std::vector<Representation> representations{Representation::kGap};
  std::vector<DistanceKind> distances{DistanceKind::kCosine, DistanceKind::kEuclidean};
  std::int64_t most{0};  ///< pictures; 0: all
  std::int64_t batch{8};
  std::int64_t queries{6};    ///< rows of the sheet of neighbours
  std::int64_t neighbors{5};  ///< and its columns
  std::int64_t pairs{4};      ///< striking pairs of each sort
  bool tsne{true};
  std::string other;  ///< package of another network, layer against layer with this; empty: none
  std::string dump;   ///< HDF5 file for vectors, labels and names; empty: none
  bool resume{false}, overwrite{false};
};

/// One layer, representation and distance.
struct CompareRow {
  std::string layer, representation, distance;
  PairStatistics pairs;
  double silhouette{0};
  Retrieval retrieval;         ///< recall at 1, 5 and 10
  DistanceCorrelation pixels;  ///< with the Euclidean distance of the network's inputs
};

struct CompareSummary {
  std::int64_t images{0}, failed{0}, classes{0};  ///< classes 0: the pictures have no labels
  std::vector<CompareRow> rows;
  double divergence{0}, trustworthiness{0};  ///< of the t-SNE map; NaN without one
  std::string report, manifest;
  bool complete_before{false};  ///< a finished run was resumed: report and manifest alone are known
};

/// Layers to compare where the user names none: those that everything passes through, thinned
/// evenly to `most`; the last one holds the class scores.
[[nodiscard]] std::vector<NodeId> compared_layers(const Graph& graph, std::size_t most = 8);

}  // namespace cutaway::explain
