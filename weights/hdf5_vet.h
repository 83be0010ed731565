#pragma once

#include <functional>
#include <string>

#include "weights/hdf5_file.h"

namespace cutaway::weights {

/// Has a child process read an HDF5 file (or one in a part of a file), all but the elements of
/// datasets that lie in one piece, and then do what `reader` does, so that damage which makes the HDF5 library itself crash or run
/// in circles ends that process and not this one. Throws kInput when the child crashes, takes more
/// processor time than 5 s and 1 s for every 20 MB, allocates more than 256 MiB beside twice the
/// file, or finds an object that HDF5 cannot open (HDF5 1.10.8 leaks on such objects, and says so
/// on stderr when the process ends); and when `path` is not a regular file; kInternal when the
/// system gives no process.
///
/// For files of foreign origin, before Hdf5File::open; packages have a checksum instead.
/// `reader` is whatever the caller is about to do with the file, so that no call of HDF5 is made here
/// that was not made there: not every road into the library's structures is one that reading
/// everything takes. What it throws is passed over; it runs in a copy of this process that has no
/// other threads, so it must start none and wait for none.
void vet_hdf5(const std::string& path,
              const FilePart& part = {},
              const std::function<void()>& reader = {});

}  // namespace cutaway::weights
