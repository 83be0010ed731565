#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/graph/feature_maps.h"
#include "explain/graph/layer_spec.h"
#include "explain/graph/records.h"

namespace cutaway::explain::graph {

/// A point of the net's input, pixels.
struct PixelPoint {
  double h{0}, w{0};
  bool seen{true};
};
/// Where one landmark is, an entry an image.
using Landmark = std::vector<PixelPoint>;

struct InstabilityOptions {
  std::int64_t best{20};  ///< images a node is judged by: those where it scores highest
  double side{224};       ///< of the picture; distances are told over its diagonal
  /// The authors' choice: images are picked first, those without the landmark then dropped.
  bool choose_first{false};
};

/// Location instability: how much the distance between a node and a landmark varies. Over the
/// `best` images of the largest total score that show landmark k, the standard deviation (n - 1) of
/// |position - landmark|, over the picture's diagonal. NaN with fewer than two such images.
[[nodiscard]] double instability(const LayerSpec& spec,
                                 const Records& records,
                                 std::int64_t node,
                                 const Landmark& landmark,
                                 const InstabilityOptions& options);

/// The mean over nodes of the mean over landmarks; NaN entries are left out.
[[nodiscard]] double mean_instability(const LayerSpec& spec,
                                      const Records& records,
                                      const std::vector<std::int32_t>& nodes,
                                      std::span<const Landmark> landmarks,
                                      const InstabilityOptions& options);

/// Notes the strongest cell of every map (filters x size x size) of one image, and its value as
/// score, the first on ties: a record a filter.
void note_strongest(std::span<const float> maps, std::int64_t image, Records& records);

/// What filters say by themselves: the strongest cell of each map is its position, the value there
/// its score. A record a filter.
[[nodiscard]] Records raw_filters(const FeatureMaps& features,
                                  std::span<const std::uint8_t> mirror = {});

/// Positions that say nothing: for each node uniformly random cells, with the scores of `like`.
[[nodiscard]] Records random_positions_like(const Records& like,
                                            const LayerSpec& spec,
                                            std::uint64_t seed);

}  // namespace cutaway::explain::graph
