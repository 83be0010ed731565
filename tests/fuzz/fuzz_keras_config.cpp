#include <cstddef>
#include <cstdint>

#include "runtime/error.h"
#include "weights/import/keras_config.h"

/// Any text is a net or an Error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    (void)cutaway::weights::keras_graph({reinterpret_cast<const char*>(data), size}, "model");
  } catch (const cutaway::Error&) {
  }
  return 0;
}
