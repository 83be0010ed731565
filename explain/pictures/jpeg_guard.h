#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdio>  // jpeglib.h needs FILE

#include <jpeglib.h>

#pragma GCC visibility push(hidden)

// How libjpeg's errors leave libjpeg; private to the two JPEG files.
namespace cutaway::explain::codec {

/// libjpeg reports an error by calling a function that must not return. This one jumps back into
/// guarded(); nothing between there and libjpeg may own memory.
struct JpegErrors {
  jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

/// Fills in the handlers. Warnings that mean lost picture data count as errors.
void install(JpegErrors& errors);

/// Runs `body`, which may call libjpeg and must keep no object with a destructor while it does.
/// False when libjpeg failed; errors.message then says why. C++ exceptions pass through.
template <class Body>
[[nodiscard]] bool guarded(JpegErrors& errors, Body& body) {
  if (setjmp(errors.jump) != 0) return false;
  body();
  return true;
}

}  // namespace cutaway::explain::codec

#pragma GCC visibility pop
