#pragma once

#include <cstdint>
#include <vector>

#include "explain/localization/byte_map.h"

namespace cutaway::explain {

/// The exact squared Euclidean distance of every pixel to the nearest pixel outside the mask, in
/// pixels; 0 outside. What lies beyond the plane counts for nothing. -1 everywhere inside when the
/// mask covers the whole plane. In integers (the lower envelope of parabolas, Felzenszwalb and
/// Huttenlocher 2012): libraries' float32 transforms round, and a rounded distance can fall on the
/// other side of a threshold.
[[nodiscard]] std::vector<std::int64_t> squared_distances(const ByteMap& mask);

}  // namespace cutaway::explain
