#pragma once

#include <hdf5.h>

#include <memory>
#include <string>

#pragma GCC visibility push(hidden)

/// Private to hdf5_*.cpp.
namespace cutaway::weights::hdf5 {

/// What the system said first when a file could not be written; 0: nothing.
using WriteFailure = std::shared_ptr<int>;

/// Makes files that are created with `access` remember in `failure` what goes wrong with writing
/// them, and hides it from HDF5. HDF5 1.10 cannot close a file that it cannot write: closing fails,
/// and so does its exit handler, which crashes or runs in circles. False when HDF5 refuses.
[[nodiscard]] bool set_sink(hid_t access, const WriteFailure& failure);

/// Throws kInternal, naming the file and the system's reason, when there is a failure.
void throw_if_failed(const WriteFailure& failure, const std::string& path);

}  // namespace cutaway::weights::hdf5

#pragma GCC visibility pop
