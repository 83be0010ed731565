#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/pictures/image.h"

namespace cutaway::explain {

/// An IDX file of bytes, the format of MNIST: extents and values, the last index running fastest.
struct IdxArray {
  std::vector<std::int64_t> extents;  ///< 1 to 4 of them
  std::vector<std::uint8_t> values;
};

/// Reads an IDX file of unsigned bytes, as it is or compressed with gzip. Throws, naming the file:
/// kInput when it is missing, damaged, shorter or longer than its header says; kUnsupported for
/// other element types; kMemory beyond 2^31 values.
[[nodiscard]] IdxArray read_idx(const std::string& path);

/// Picture `index` of an array of extents count x rows x columns, as grey RGB. Throws kShape when
/// the array is no such thing or the index is out of range.
[[nodiscard]] Image idx_image(const IdxArray& array, std::int64_t index);

}  // namespace cutaway::explain
