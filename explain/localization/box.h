#pragma once

#include <cstdint>
#include <optional>

#include "explain/localization/byte_map.h"
#include "explain/pictures/image.h"

namespace cutaway::explain {

/// Inclusive pixels [x1, x2] x [y1, y2].
struct Box {
  std::int64_t x1{0}, y1{0}, x2{0}, y2{0};
  friend constexpr bool operator==(const Box&, const Box&) = default;
};

/// Intersection over union of boxes whose last row and column belong to them (the "+1" of the
/// PASCAL VOC and ILSVRC development kits).
[[nodiscard]] double iou(const Box& a, const Box& b);

/// One connected part of a mask.
struct Component {
  Box box;
  std::int64_t pixels{0};
  ByteMap mask;  ///< of the whole plane's size; 1 inside
};

/// The largest 8-connected component of a mask. Of equal components the one whose first pixel comes
/// first in row-major order wins. Empty when the mask is.
[[nodiscard]] std::optional<Component> largest_component(const ByteMap& mask);

/// The bounding box of the largest 8-connected component of {map > threshold * max(map)} (Zhou et
/// al. 2016, section 3.2; CAM uses threshold 0.2). Empty when the map is nowhere positive.
[[nodiscard]] std::optional<Box> largest_component(const Map& map, float threshold);

}  // namespace cutaway::explain
