#include "runtime/stream.h"

#include <sched.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/error.h"

namespace cutaway {
namespace {

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

/// How many threads of `wanted`, the calling one among them, the system lets this process have at
/// the same time. OpenMP ends the process when it cannot start one.
int startable(int wanted) {
  static std::mutex mutex;
  static int proven = 1;
  const std::lock_guard lock(mutex);
  if (wanted <= proven) return wanted;
  std::vector<std::thread> threads;
  std::promise<void> done;
  const std::shared_future<void> end = done.get_future().share();
  try {
    while (static_cast<int>(threads.size()) + 1 < wanted)
      threads.emplace_back([end] { end.wait(); });
  } catch (const std::system_error&) {
    (void)0;  // these are all
  }
  done.set_value();
  for (std::thread& thread : threads) thread.join();
  proven = std::max(proven, static_cast<int>(threads.size()) + 1);
  return static_cast<int>(threads.size()) + 1;
}

}  // namespace

CpuStream::CpuStream(int threads, CpuLevel level)
    : threads_(threads > 0 ? threads : usable_cores()), level_(level) {
  if (threads < 0 || threads > 4096) {
    throw Error(ErrorKind::kUsage, "number of threads")
        .expected("0 (all cores) to 4096")
        .got(std::to_string(threads));
  }
  // No result depends on their number.
  threads_ = startable(threads_);
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
