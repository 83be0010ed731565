#pragma once

#include <cstdint>
#include <string>

#include "runtime/macros.h"

namespace cutaway {

/// Extents of a batch of feature maps: n images, c channels, h rows, w columns. A vector of
/// features has h = w = 1. Named members, not an array: std::array is host-only in nvcc.
struct Shape {
  std::int64_t n{1}, c{1}, h{1}, w{1};

  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t count() const { return n * c * h * w; }
  [[nodiscard]] CUTAWAY_HD constexpr std::int64_t plane() const { return h * w; }
  friend constexpr bool operator==(const Shape&, const Shape&) = default;
};

/// "8x64x56x56".
[[nodiscard]] std::string to_string(const Shape& shape);

/// Throws kShape unless every extent is at least 1 and the element count is at most 2^40.
void validate(const Shape& shape, const char* what);

/// ceil(a / b) for a >= 0, b > 0.
[[nodiscard]] CUTAWAY_HD constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// The smallest multiple of b that is at least a.
[[nodiscard]] CUTAWAY_HD constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) {
  return ceil_div(a, b) * b;
}

}  // namespace cutaway
