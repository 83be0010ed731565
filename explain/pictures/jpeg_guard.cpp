#include "explain/pictures/jpeg_guard.h"

#include <jerror.h>

namespace cutaway::explain::codec {
namespace {

[[noreturn]] void on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->jump, 1);
}

bool loses_data(int code) {
  return code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
         code == JWRN_ARITH_BAD_CODE || code == JWRN_MUST_RESYNC;
}

void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;  // trace output
  ++info->err->num_warnings;
  if (loses_data(info->err->msg_code)) on_error(info);
}

void drop_message(j_common_ptr /*info*/) {}

}  // namespace

void install(JpegErrors& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = on_error;
  errors.base.emit_message = on_message;
  errors.base.output_message = drop_message;
  errors.message[0] = '\0';
}

}  // namespace cutaway::explain::codec
