#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/error.h"
#include "weights/import/caffe/caffe_graph.h"

/// Any text is a net or an Error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cutaway::weights;
  try {
    const std::string file = "net.prototxt";
    (void)caffe_graph(TextMessage::parse({reinterpret_cast<const char*>(data), size}, file), file);
  } catch (const cutaway::Error&) {
  }
  return 0;
}
