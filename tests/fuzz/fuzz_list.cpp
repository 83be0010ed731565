#include <string_view>

#include "explain/pictures/list.h"
#include "runtime/error.h"

/// Lists of pictures with their labels.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    (void)cutaway::explain::parse_image_list(text, "folder", "fuzz");
  } catch (const cutaway::Error&) {
    return 0;
  }
  return 0;
}
