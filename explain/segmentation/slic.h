#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/shape.h"

namespace cutaway::explain {

/// A partition of an image's pixels.
struct Segmentation {
  std::vector<std::int32_t> label;  ///< a pixel, row by row: 0 to count - 1
  std::int32_t count{0};
};

/// SLIC superpixels (Achanta et al. 2012, algorithm 1): k-means in colour and place, each centre
/// looking around itself only, ten rounds; then pieces that are not connected to their segment, or
/// smaller than a quarter of the usual size, join a neighbour. `image`: plain c x h x w in any
/// linear units, scaled here to a range of 100; `segments`: about how many; `compactness`: weight
/// of the place. Deterministic.
[[nodiscard]] Segmentation slic(std::span<const float> image,
                                const Shape& shape,
                                std::int64_t segments,
                                double compactness);

}  // namespace cutaway::explain
