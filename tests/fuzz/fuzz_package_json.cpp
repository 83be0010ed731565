#include <cstddef>
#include <cstdint>

#include "runtime/error.h"
#include "weights/graph_json.h"
#include "weights/package_parts.h"
#include "weights/preprocess_json.h"

namespace {

template <class Read>
void attempt(const Read& read) {
  try {
    (void)read();
  } catch (const cutaway::Error&) {
  }
}

}  // namespace

/// Any text is what a package says of its graph, its preprocessing or where it came from, or an
/// Error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cutaway::weights;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  attempt([&] { return graph_from_json(text); });
  attempt([&] { return preprocess_from_json(text); });
  attempt([&] { return parts::provenance_from_json(text); });
  return 0;
}
