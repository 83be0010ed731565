#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "weights/hdf5_file.h"

namespace cutaway::explain {

/// HDF5 behind a user block of 512 bytes: a line of `magic`, the format's version, the file's size
/// and the XXH64 of what follows, as model packages have it. h5ls and h5py read such files.
struct Seal {
  std::string_view magic;  ///< "cutaway explanatory graph"
  int version{1};
};

/// Writes a file that appears whole or not at all. Throws kInput when it cannot be written.
void write_sealed(const std::string& path,
                  const Seal& seal,
                  const std::function<void(weights::Hdf5File&)>& write);
/// Opens one for reading, its size, version and checksum verified before HDF5 sees it. Throws
/// kInput.
[[nodiscard]] weights::Hdf5File open_sealed(const std::string& path, const Seal& seal);
/// True when the file begins as such files do.
[[nodiscard]] bool is_sealed(const std::string& path, const Seal& seal) noexcept;

}  // namespace cutaway::explain
