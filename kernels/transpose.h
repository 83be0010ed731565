#pragma once

#include <cstdint>

#include "runtime/cpu_features.h"

namespace cutaway::kernels {

/// Side of the squares of transpose_squares: the floats of a cache line.
inline constexpr std::int64_t kTransposeSide = 16;

/// to[r * to_row + l] = from[l * from_line + r] for l < lines and r < rows, both multiples of 16;
/// `to` is aligned to 64 bytes and to_row is a multiple of 16. Stores go around the caches where
/// the processor can say so: the result is meant to be larger than they are. They are ordered
/// before all that follows the call.
void transpose_squares(const float* from,
                       std::int64_t from_line,
                       std::int64_t lines,
                       std::int64_t rows,
                       float* to,
                       std::int64_t to_row);
CUTAWAY_PER_LEVEL(void,
                  transpose_squares,
                  const float* from,
                  std::int64_t from_line,
                  std::int64_t lines,
                  std::int64_t rows,
                  float* to,
                  std::int64_t to_row);

}  // namespace cutaway::kernels
