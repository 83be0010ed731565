#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "runtime/error.h"
#include "weights/import/readers.h"

/// Any bytes are an archive with a Keras net and a place for its weights, or an Error. The weights
/// are HDF5's business.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cutaway::weights;
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  try {
    (void)keras_archive(BinaryFile::over("net.keras", std::move(bytes)));
  } catch (const cutaway::Error&) {
  }
  return 0;
}
