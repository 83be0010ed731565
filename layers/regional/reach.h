#pragma once

#include <span>
#include <vector>

#include "layers/receptive_field.h"

/// How far a change, or a need, reaches through the planes of a network, as regional passes compute
/// it.
namespace cutaway {

/// How a layer can be restricted to a window of its output.
enum class Locality : std::uint8_t {
  kPointwise,  ///< a unit reads the same place of its inputs
  /// Convolution, max pooling: a unit reads a window, and what lies outside the plane is one
  /// constant.
  kWindowed,
  kWhole  ///< anything else: computed whole
};
[[nodiscard]] Locality locality(const Layer& layer, std::span<const Shape> in);

/// The region of every node that can differ when the input differs in `changed` (empty: none),
/// clipped to its plane.
[[nodiscard]] std::vector<Region> affected_regions(const Graph& graph,
                                                   std::span<const Shape> shapes,
                                                   const Region& changed);
/// The region of every node that the units `wanted` of `node` depend on (empty: none), clipped to
/// its plane.
[[nodiscard]] std::vector<Region> needed_regions(const Graph& graph,
                                                 std::span<const Shape> shapes,
                                                 NodeId node,
                                                 const Region& wanted);

}  // namespace cutaway
