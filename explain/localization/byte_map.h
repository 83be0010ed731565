#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "explain/pictures/image.h"

namespace cutaway::explain {

/// A plane of bytes, row-major: grey levels, or a mask (0 outside, anything else inside).
/// Invariant: values.size() = width * height.
struct ByteMap {
  int width{0}, height{0};
  std::vector<std::uint8_t> values;

  [[nodiscard]] std::uint8_t at(int y, int x) const noexcept {
    return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                  static_cast<std::size_t>(x)];
  }
  friend bool operator==(const ByteMap&, const ByteMap&) = default;
};

/// A plane of one value. Throws kShape unless both extents are at least 1.
[[nodiscard]] ByteMap make_byte_map(int width, int height, std::uint8_t fill = 0);
/// Throws kShape, naming `what`, unless the invariant holds and it is not empty.
void validate(const ByteMap& map, const char* what);

/// Grey levels of a heat map: round(255 max(v, 0) / max). All zero where the map is nowhere
/// positive or holds NaN.
[[nodiscard]] ByteMap gray_levels(const Map& map);
/// The mask {v > threshold}.
[[nodiscard]] ByteMap mask_above(const ByteMap& map, int threshold);
[[nodiscard]] ByteMap mask_above(const Map& map, float threshold);

}  // namespace cutaway::explain
