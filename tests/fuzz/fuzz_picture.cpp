#include <span>

#include "explain/pictures/read_image.h"
#include "runtime/error.h"

/// All decoders of pictures: the first bytes choose. Small limits, so that a picture costs little.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cutaway::explain::ReadOptions options;
  options.max_pixels = std::int64_t{1} << 20U;
  options.max_scanned = std::int64_t{1} << 24U;
  try {
    (void)cutaway::explain::decode_image(std::span(data, size), "fuzz", options);
  } catch (const cutaway::Error&) {
    return 0;
  }
  return 0;
}
