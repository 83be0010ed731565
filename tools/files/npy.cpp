#include "tools/files/npy.h"

#include <bit>
#include <cstring>
#include <vector>

#include "tools/images/atomic_file.h"

namespace cutaway::tools {

static_assert(std::endian::native == std::endian::little, "npy files are written as they are");

void write_npy(const std::string& path, std::span<const std::int64_t> extents,
               std::span<const float> values) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (const std::int64_t e : extents) header += std::to_string(e) + ", ";
  header += "), }";
  // Magic, version and length take 10 bytes; the whole must be a multiple of 64 and end in a line feed.
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::vector<std::uint8_t> bytes(10 + header.size() + values.size_bytes());
  const std::uint8_t start[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0,
                                static_cast<std::uint8_t>(header.size() & 0xFF),
                                static_cast<std::uint8_t>(header.size() >> 8)};
  std::memcpy(bytes.data(), start, sizeof start);
  std::memcpy(bytes.data() + 10, header.data(), header.size());
  if (!values.empty()) {
    std::memcpy(bytes.data() + 10 + header.size(), values.data(), values.size_bytes());
  }
  write_file_atomically(path, bytes);
}

}  // namespace cutaway::tools
