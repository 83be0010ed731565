#pragma once

#include <memory>
#include <string>

#include "weights/hdf5_file.h"
#include "weights/import/source.h"

namespace cutaway::weights {

/// A source over all datasets of an HDF5 file, named by their paths ("/data/conv1/0"), without
/// bindings. Throws kInput for links, foreign objects, and floating-point datasets that claim more
/// elements than their storage can hold. `file` must have been vetted.
[[nodiscard]] Source hdf5_source(std::shared_ptr<const Hdf5File> file, const std::string& format);

}  // namespace cutaway::weights
