#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "weights/import/binary_file.h"

namespace cutaway::weights {

/// A stored (not compressed) member of a zip archive.
struct ZipMember {
  std::uint64_t offset{0}, bytes{0};  ///< its contents in the file
  std::uint32_t crc{0};               ///< CRC-32 of them; 0 where the writer computed none
};

/// Reads the directory of a zip archive (APPNOTE 6.3.10, with ZIP64): members by name. Strict, for
/// files nobody vouches for: throws kInput for entries that are encrypted, overlap, lie outside the
/// file or disagree with their local headers, for names that are absolute, climb ("..") or come
/// twice, and for more than 100000 entries; kUnsupported for compressed members, so that no archive
/// unpacks to more than its own size.
[[nodiscard]] std::map<std::string, ZipMember> zip_directory(const BinaryFile& file);

/// Throws kInput when the member's contents do not have its CRC-32.
void check_member(const BinaryFile& file, const std::string& name, const ZipMember& member);

}  // namespace cutaway::weights
