#include <cstddef>
#include <cstdint>

#include "runtime/error.h"
#include "weights/import/keras/keras_config.h"

/// Any text is a net or an Error, whether one of its outputs is asked for or not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const char* output : {"", "side"}) {
    try {
      (void)cutaway::weights::keras_graph({reinterpret_cast<const char*>(data), size}, "model",
                                          output);
    } catch (const cutaway::Error&) {
    }
  }
  return 0;
}
