#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(hidden)

/// Private to hdf5_*.cpp: datasets that are stored in chunks.
namespace cutaway::weights::hdf5 {

/// An open dataset to read.
struct ChunkedDataset {
  std::string file, name;  ///< for messages
  hid_t set{}, type{}, plist{};
  std::vector<std::int64_t> dims;  ///< not empty
  std::int64_t file_bytes{};       ///< of the whole file
};

/// Reads all elements, in C order, as `memory` (H5T_NATIVE_FLOAT or the stored type), of
/// `memory_bytes` bytes each, into `to`; or into nothing, if that is null.
///
/// HDF5 1.10's H5Dread trusts a damaged file: where the index claims that a chunk has fewer bytes
/// than it must have, or the deflated bytes are fewer or more than a chunk, it reads behind its
/// buffers or allocates what the stream asks for. Here HDF5 finds and hands over the stored bytes
/// (H5Dread_chunk), whose number is checked first; the filters deflate, shuffle and fletcher32 are
/// undone into buffers of a chunk's size. Throws kInput where a chunk does not come out with
/// exactly its size, or its checksum differs.
void read_chunks(const ChunkedDataset& dataset,
                 hid_t memory,
                 std::size_t memory_bytes,
                 std::byte* to);

}  // namespace cutaway::weights::hdf5

#pragma GCC visibility pop
