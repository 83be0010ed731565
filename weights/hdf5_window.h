#pragma once

#include <hdf5.h>

#include <cstdint>

#pragma GCC visibility push(hidden)

/// Private to hdf5_*.cpp.
namespace cutaway::weights::hdf5 {

/// Has a file access list read the `bytes` bytes from `offset` on of the file that H5Fopen will be
/// given, as if they were the whole of it: an HDF5 file stored in an archive needs no copy. A
/// driver of HDF5's virtual file layer, for reading only. Called within a Session; false when HDF5
/// refuses.
[[nodiscard]] bool set_window(hid_t access, std::uint64_t offset, std::uint64_t bytes);

}  // namespace cutaway::weights::hdf5

#pragma GCC visibility pop
