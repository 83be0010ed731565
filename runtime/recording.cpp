#include "runtime/recording.h"

#include "runtime/error.h"

namespace cutaway {

bool can_record(const Stream& stream) noexcept {
  return device_of(stream).kind == Device::Kind::kCuda;
}

#if !CUTAWAY_HAVE_CUDA
void begin_recording(Stream&) { check(false, "CPU streams do not record"); }
Recording end_recording(Stream&) { throw Error(ErrorKind::kInternal, "CPU streams do not record"); }
void replay(Stream&, const Recording&) { check(false, "CPU streams do not record"); }
#endif

}  // namespace cutaway
