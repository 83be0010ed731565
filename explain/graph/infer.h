#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "explain/graph/feature_maps.h"
#include "explain/graph/graph.h"
#include "explain/graph/records.h"
#include "runtime/stream.h"

namespace cutaway::explain::graph {

/// Finds the nodes of every layer in new images, from the top down: parents found in an image
/// predict where their children are. One entry a layer. `mirror`: none, or an entry an image (needs
/// mirrored features). Total and peak are raw: divide by Layer::score_unit to compare layers. On a
/// training image the result is what learning stored, bit for bit (preset `default`). Throws kShape
/// when features do not fit the graph.
[[nodiscard]] std::vector<Records> infer(const ExplanatoryGraph& graph,
                                         std::span<const FeatureMaps> features,
                                         Stream stream,
                                         std::span<const std::uint8_t> mirror = {});

/// For each image 1 if its mirrored features explain more in the top layer (Config::orientation).
[[nodiscard]] std::vector<std::uint8_t> orientations(const ExplanatoryGraph& graph,
                                                     std::span<const FeatureMaps> features,
                                                     Stream stream);

}  // namespace cutaway::explain::graph
