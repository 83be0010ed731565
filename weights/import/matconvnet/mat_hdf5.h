#pragma once

#include <string>
#include <vector>

#include "weights/import/matconvnet/mat_file.h"

namespace cutaway::weights {

/// True when the first bytes are those of a MAT-file of version 7.3, which is HDF5 behind a block
/// of 512 bytes.
[[nodiscard]] bool is_mat_hdf5(const std::string& head);

/// Reads a MAT-file of version 7.3 (`save -v7.3`): all variables, structure only, as
/// read_mat_file() does those of level 5. A value's class is its attribute MATLAB_class; cells and
/// arrays of structs are references into the group /#refs#. Throws kInput for damage, references
/// that lead elsewhere, nesting deeper than 16, more than 1000000 values and texts longer than
/// 65536 characters. The file must have been vetted (weights/hdf5_vet.h).
[[nodiscard]] std::vector<MatValue> read_mat_hdf5(const std::string& path);

}  // namespace cutaway::weights
