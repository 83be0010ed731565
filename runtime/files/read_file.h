#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cutaway::files {

/// The bytes of a regular file. Throws kInput, naming the path, when it is missing, unreadable, no
/// regular file (folders, devices, pipes) or larger than `limit` bytes.
[[nodiscard]] std::vector<std::uint8_t> read_file(const std::string& path,
                                                  std::uint64_t limit = std::uint64_t{1} << 30U);

/// Its first bytes, `most` of them or as many as it has. Throws the same.
[[nodiscard]] std::vector<std::uint8_t> read_head(const std::string& path, std::size_t most);

}  // namespace cutaway::files
