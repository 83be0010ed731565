#include "runtime/stream.h"

#include <sched.h>

#include <algorithm>

#include "runtime/error.h"

namespace cutaway {
namespace {

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace

CpuStream::CpuStream(int threads, CpuLevel level)
    : threads_(threads > 0 ? threads : usable_cores()), level_(level) {
  if (threads < 0 || threads > 4096) {
    throw Error(ErrorKind::kUsage, "number of threads")
        .expected("0 (all cores) to 4096")
        .got(std::to_string(threads));
  }
  if (level > best_cpu_level()) level_ = cpu_level_of(name_of(level));  // which says why not
}

Stream make_stream(Device device, int threads, CpuLevel level) {
#if CUTAWAY_HAVE_CUDA
  if (device.kind == Device::Kind::kCuda) return CudaStream(device.index);
#endif
  if (device.kind == Device::Kind::kCuda) {
    throw Error(ErrorKind::kDevice, "this build has no CUDA").at(to_string(device));
  }
  return CpuStream(threads, level);
}

Device device_of(const Stream& stream) noexcept {
#if CUTAWAY_HAVE_CUDA
  if (const auto* cuda = std::get_if<CudaStream>(&stream)) {
    return {Device::Kind::kCuda, cuda->index()};
  }
#else
  (void)stream;
#endif
  return kCpuDevice;
}

#if !CUTAWAY_HAVE_CUDA
void synchronize(const Stream&) {}
#endif

}  // namespace cutaway
