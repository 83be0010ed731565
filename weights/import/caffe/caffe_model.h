#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weights/import/source.h"
#include "weights/import/tensor_file.h"

namespace cutaway::weights {

/// The blobs of a .caffemodel as tensors named "<layer>/<blob>", in the order of the file: `layer`
/// (V2) and `layers` (V1) entries, extents from `shape` or from num, channels, height, width
/// (leading ones dropped for vectors and matrices of V1), data as packed float32 or double.
/// Gradients are skipped. Only the directory is read. Throws kInput for damage, data that does not
/// have the extents' count, and layers of one name with blobs; kUnsupported for V0 layers and for
/// data that is not packed.
struct CaffeModel {
  std::string name;  ///< of the net
  std::vector<SourceTensor> tensors;
  std::vector<TensorPlace> places;
};
[[nodiscard]] CaffeModel read_caffe_model(const BinaryFile& file);

}  // namespace cutaway::weights
