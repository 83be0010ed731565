#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/graph/graph.h"
#include "explain/graph/instability.h"
#include "explain/graph/records.h"

namespace cutaway::explain::graph {

/// A part shown once: in which training image, and where.
struct Shot {
  std::int64_t image{0};
  PixelPoint center;
};

/// A part found: where, how well, and by which shot's template.
struct Located {
  PixelPoint at;
  double score{0};
  std::size_t shot{0};
};

/// An And-Or graph over the nodes that finds a part from few examples (Zhang et al. 2018, its
/// application; the weights are those of the authors' earlier part graphs, standardised a layer): a
/// template a shot. The nodes of a template are those of each layer with the largest
///   q = 1.5 z(total in the shot) + 5 z(mean total) - |center - position|^2 / 70^2,
/// each with its offset to the center. In a new image each votes for position + offset with weight
/// min(3, total / mean total); the maximum of the votes is the template's answer, scored by the
/// agreement of its nodes, and the best template answers.
class PartTemplates {
 public:
  /// `records`: of the training images, one entry a layer. Throws kUsage without shots.
  PartTemplates(const ExplanatoryGraph& graph,
                std::span<const Records> records,
                std::span<const Shot> shots,
                std::int64_t nodes_a_layer = 20);

  /// In image `image` of `records`, a picture of `side` pixels.
  [[nodiscard]] Located locate(const ExplanatoryGraph& graph,
                               std::span<const Records> records,
                               std::int64_t image,
                               std::int64_t side) const;

 private:
  struct Voter {
    std::size_t layer;
    std::int64_t node;
    double h, w;  // offset to the part
  };
  std::vector<std::vector<Voter>> templates_;
};

}  // namespace cutaway::explain::graph
