#include "tests/fuzz/fuzz.h"
#include "weights/import/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cutaway::weights;
  return fuzz::run(data, size, [](std::shared_ptr<const BinaryFile> file) {
    return onnx_source(std::move(file));
  });
}
