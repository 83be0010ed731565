#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "runtime/error.h"
#include "weights/import/binary_file.h"
#include "weights/import/source.h"

/// What the fuzz targets share: a parser gets bytes, and may answer with a Source or an Error,
/// nothing else.
namespace cutaway::weights::fuzz {

/// The most elements that are read of one tensor; larger ones only cost time.
inline constexpr std::int64_t kMostElements = 1 << 20;

/// Reads every tensor of what `open` gives, as far as it can be read.
template <class Open>
int run_source(const Open& open) {
  try {
    const Source source = open();
    for (std::size_t i = 0; i < source.tensors.size(); ++i) {
      const std::int64_t count = count_of(source.tensors[i].extents);
      if (count > kMostElements) continue;
      std::vector<float> values(static_cast<std::size_t>(count));
      try {
        source.read(i, values);
      } catch (const Error&) {
        continue;
      }
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}

/// The same for a parser that takes the bytes of a file.
template <class Read>
int run(const std::uint8_t* data, std::size_t size, const Read& read) {
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  return run_source([&] {
    return read(std::make_shared<const BinaryFile>(BinaryFile::over("fuzz", std::move(bytes))));
  });
}

}  // namespace cutaway::weights::fuzz
