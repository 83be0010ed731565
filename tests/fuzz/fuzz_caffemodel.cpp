#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/error.h"
#include "weights/import/caffe/caffe_model.h"

/// Any bytes are a list of blobs inside the file, or an Error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cutaway::weights;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const BinaryFile file = BinaryFile::over("net.caffemodel", {bytes, bytes + size});
  try {
    const CaffeModel model = read_caffe_model(file);
    for (std::size_t i = 0; i < model.tensors.size(); ++i) {
      std::vector<float> values(static_cast<std::size_t>(count_of(model.tensors[i].extents)));
      read_tensor(file, model.places[i], values);
    }
  } catch (const cutaway::Error&) {
  }
  return 0;
}
