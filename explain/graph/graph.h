#pragma once

#include <cstdint>
#include <vector>

#include "explain/graph/config.h"
#include "explain/graph/layer_spec.h"

namespace cutaway::explain::graph {

/// The nodes of one layer. Node n belongs to filter n / P.
struct Layer {
  LayerSpec spec;
  std::vector<float> mu_h, mu_w;      ///< N: prior position, cells
  std::vector<float> delta;           ///< N: how far a node strays from its prediction, cells
  std::vector<float> mean_h, mean_w;  ///< N: mean position over the training images, cells
  std::int64_t parents{0};            ///< a node; 0 in the top layer
  std::vector<std::int32_t> edges;    ///< N x parents: nodes of the layer above; -1: none
  std::vector<float> mean_total;      ///< N: mean score over the training images
  double score_unit{1};      ///< mean score of all nodes: scores are told as multiples of it
  std::vector<float> rank;   ///< N: mean of the largest scores, in units of score_unit
  std::vector<float> sigma;  ///< D x S x S: of the activation weights; may be empty

  [[nodiscard]] std::int64_t count() const { return spec.count(); }
};

/// A learned graph.
struct ExplanatoryGraph {
  Config config;
  std::vector<Layer> layers;  ///< from the shallowest to the top
};

/// Throws kInput, naming layer and field, on missing or extra entries, values that are not finite,
/// sigma or delta that is not positive, and edges that lead nowhere.
void validate(const ExplanatoryGraph& graph);

/// Nodes by falling rank; ties by number.
[[nodiscard]] std::vector<std::int32_t> by_rank(const Layer& layer);

}  // namespace cutaway::explain::graph
