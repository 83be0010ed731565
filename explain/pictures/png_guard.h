#pragma once

#include <csetjmp>

#include <png.h>

#pragma GCC visibility push(hidden)

// How libpng's errors leave libpng; private to the two PNG files.
namespace cutaway::explain::codec {

/// Handed to libpng as its error pointer.
struct PngErrors {
  std::jmp_buf jump;
  char message[160];
};

/// The handlers for png_create_*_struct: errors jump back into guarded(), warnings are dropped.
[[noreturn]] void on_png_error(png_structp png, png_const_charp message);
void on_png_warning(png_structp png, png_const_charp message);

/// Runs `body`, which may call libpng and must keep no object with a destructor while it does.
/// False when libpng failed; errors.message then says why. C++ exceptions pass through.
template <class Body>
[[nodiscard]] bool guarded(PngErrors& errors, Body& body) {
  if (setjmp(errors.jump) != 0) return false;
  body();
  return true;
}

}  // namespace cutaway::explain::codec

#pragma GCC visibility pop
