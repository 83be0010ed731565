#pragma once

#include <string>

#include "weights/hdf5_file.h"

namespace cutaway::weights {

/// Has a child process read an HDF5 file (or one in a part of a file), all but the elements of
/// datasets that lie in one piece, so that damage which makes the HDF5 library itself crash or run in
/// circles ends that process and not this one. Throws kInput when the child
/// crashes or takes more processor time than 20 s and 1 s for every 20 MB, and when `path` is not a
/// regular file.
///
/// The need is real: of 2100 Caffe files with damaged metadata, one crashed HDF5 1.10.8 (a chunk
/// whose stored size was wrong). For files of foreign origin, before Hdf5File::open; packages have
/// a checksum instead.
void vet_hdf5(const std::string& path, const FilePart& part = {});

}  // namespace cutaway::weights
