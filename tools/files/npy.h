#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace cutaway::tools {

/// Writes float32 values as a NumPy array file (format 1.0, C order, little-endian), atomically. Throws kInput
/// when it cannot be written.
void write_npy(const std::string& path, std::span<const std::int64_t> extents,
               std::span<const float> values);

}  // namespace cutaway::tools
