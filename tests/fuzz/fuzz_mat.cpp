#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/error.h"
#include "weights/import/readers.h"

/// Any bytes are a net whose tensors can be read, or an Error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cutaway::weights;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  try {
    const Source source = matconvnet_source(
        std::make_shared<const BinaryFile>(BinaryFile::over("net.mat", {bytes, bytes + size})));
    for (std::size_t i = 0; i < source.tensors.size(); ++i) {
      std::vector<float> values(static_cast<std::size_t>(count_of(source.tensors[i].extents)));
      source.read(i, values);
    }
  } catch (const cutaway::Error&) {
  }
  return 0;
}
