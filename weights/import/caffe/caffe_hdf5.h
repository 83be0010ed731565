#pragma once

#include <string>

#include "weights/import/importer.h"

namespace cutaway::weights {

/// Reads weights in the layout of Caffe's HDF5 files into an architecture with Caffe's layer names
/// (names or aliases): /data/<layer>/0 weights, /1 bias; convolutions O x I/groups x kh x kw, fully
/// connected O x I (also the old four-extent blobs 1 x 1 x O x I and 1 x 1 x 1 x O); a '/' in a
/// layer's name makes nested groups. Nothing is transposed. /diff is left out.
///
/// Strict, as import_weights is. Extents cannot tell a transposed square matrix or two equal layers
/// swapped: only a numeric check can.
[[nodiscard]] Imported import_caffe_hdf5(const std::string& path,
                                         Graph architecture,
                                         const ImportOptions& options = {});

}  // namespace cutaway::weights
