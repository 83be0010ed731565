#pragma once

#include <string>
#include <vector>

#include "layers/model.h"
#include "weights/import/report.h"

namespace cutaway::weights {

struct ImportOptions {
  /// Nodes whose parameters may be absent from the file; they are left at zero and reported.
  std::vector<std::string> allow_missing;
  /// Groups of the file ("/data/loss1") that are left out with all below them, and reported.
  std::vector<std::string> ignore;
};

struct Imported {
  Model model;
  ImportReport report;
};

/// Reads weights in the layout of Caffe's HDF5 files into an architecture with Caffe's layer names
/// (names or aliases): /data/<layer>/0 weights, /1 bias; convolutions O x I/groups x kh x kw, fully
/// connected O x I (also the old four-extent blobs 1 x 1 x O x I and 1 x 1 x 1 x O); a '/' in a
/// layer's name makes nested groups. Nothing is transposed. /diff is ignored.
///
/// Strict: every parameter of the graph must be there in its exact shape, of a floating-point type
/// and finite, and everything else in the file must be in `ignore`. The file is vetted first
/// (weights/hdf5_vet.h). Otherwise throws kInput with ALL problems, one a line, names and extents
/// included. Extents cannot tell a transposed square matrix or two equal layers swapped: only a
/// numeric check can.
[[nodiscard]] Imported import_caffe_hdf5(const std::string& path,
                                         Graph architecture,
                                         const ImportOptions& options = {});

}  // namespace cutaway::weights
