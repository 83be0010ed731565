#include "explain/pictures/png_guard.h"

#include <cstdio>

namespace cutaway::explain::codec {

void on_png_error(png_structp png, png_const_charp message) {
  auto* errors = static_cast<PngErrors*>(png_get_error_ptr(png));
  std::snprintf(errors->message, sizeof errors->message, "%s", message);
  std::longjmp(errors->jump, 1);
}

void on_png_warning(png_structp /*png*/, png_const_charp /*message*/) {}

}  // namespace cutaway::explain::codec
