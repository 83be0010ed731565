#include "kernels/library.h"

#include "kernels/cpu/library_isa.h"
#include "runtime/config.h"

namespace cutaway::kernels {

std::string cpu_library_text() {
#if CUTAWAY_HAVE_ONEDNN
  return library_isa_text();
#else
  return "none";
#endif
}

}  // namespace cutaway::kernels
