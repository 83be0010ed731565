#include "runtime/files/npy.h"

#include <bit>
#include <cstring>
#include <vector>

#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/read_file.h"

namespace cutaway::files {

static_assert(std::endian::native == std::endian::little, "npy files are written as they are");

std::vector<std::uint8_t> npy_bytes(std::span<const std::int64_t> extents,
                                    std::span<const float> values) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (const std::int64_t e : extents) header += std::to_string(e) + ", ";
  header += "), }";
  // Magic, version and length take 10 bytes; the whole must be a multiple of 64 and end in a line
  // feed.
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::vector<std::uint8_t> bytes(10 + header.size() + values.size_bytes());
  const std::uint8_t start[] = {0x93,
                                'N',
                                'U',
                                'M',
                                'P',
                                'Y',
                                1,
                                0,
                                static_cast<std::uint8_t>(header.size() & 0xFF),
                                static_cast<std::uint8_t>(header.size() >> 8)};
  std::memcpy(bytes.data(), start, sizeof start);
  std::memcpy(bytes.data() + 10, header.data(), header.size());
  if (!values.empty()) {
    std::memcpy(bytes.data() + 10 + header.size(), values.data(), values.size_bytes());
  }
  return bytes;
}

void write_npy(const std::string& path,
               std::span<const std::int64_t> extents,
               std::span<const float> values) {
  write_file_atomically(path, npy_bytes(extents, values));
}

std::vector<float> read_npy(const std::string& path, std::size_t count) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  const std::size_t header = bytes.size() < 10 ? 0 : 10U + bytes[8] + (std::size_t{bytes[9]} << 8U);
  const bool known = header > 10 && std::memcmp(bytes.data(), "\x93NUMPY\x01\x00", 8) == 0;
  if (!known || bytes.size() < header || bytes.size() - header != count * sizeof(float)) {
    throw Error(ErrorKind::kInput, "not the raw map that was written").at(path);
  }
  std::vector<float> values(count);
  if (count > 0) std::memcpy(values.data(), bytes.data() + header, count * sizeof(float));
  return values;
}

}  // namespace cutaway::files
