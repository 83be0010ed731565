#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cutaway::files {

/// float32 values as a NumPy array file (format 1.0, C order, little-endian).
[[nodiscard]] std::vector<std::uint8_t> npy_bytes(std::span<const std::int64_t> extents,
                                                  std::span<const float> values);
/// npy_bytes as a file, written atomically. Throws like write_file_atomically.
void write_npy(const std::string& path,
               std::span<const std::int64_t> extents,
               std::span<const float> values);
/// The values of a file that npy_bytes made; throws kInput when it holds anything but `count` of
/// them.
[[nodiscard]] std::vector<float> read_npy(const std::string& path, std::size_t count);

}  // namespace cutaway::files
