#include "tests/fuzz/fuzz.h"
#include "weights/import/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return cutaway::weights::fuzz::run(
      data, size, [](const auto& file) { return cutaway::weights::onnx_source(file); });
}
