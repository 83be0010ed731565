#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "weights/import/binary_file.h"
#include "weights/import/source.h"

namespace cutaway::weights {

/// Where a tensor's elements lie in a file, little-endian, contiguous, in C order.
struct TensorPlace {
  std::uint64_t offset{0};
  ElementType type{ElementType::kF32};
};

/// Reads `to.size()` elements from `place` as float32, through 1 MiB at a time unless they are
/// float32 already. Throws kInput when they do not lie inside the file or cannot be converted.
void read_tensor(const BinaryFile& file, const TensorPlace& place, std::span<float> to);

/// The place of the element that comes `first` elements later.
[[nodiscard]] TensorPlace later(const TensorPlace& place, std::int64_t first);

/// Sets Source::read and Source::read_part for tensors that lie in one file.
void read_from(Source& source,
               std::shared_ptr<const BinaryFile> file,
               std::vector<TensorPlace> places);

}  // namespace cutaway::weights
