#include "runtime/device.h"

#include <charconv>

#include "runtime/config.h"
#include "runtime/error.h"
#if CUTAWAY_HAVE_CUDA
#include "runtime/cuda/memory.h"
#endif

namespace cutaway {

std::string to_string(Device device) {
  if (device.kind == Device::Kind::kCpu) return "cpu";
  return "cuda:" + std::to_string(device.index);
}

CudaStatus cuda_status() noexcept {
#if CUTAWAY_HAVE_CUDA
  return cuda::status();
#else
  return {0, "this build has no CUDA"};
#endif
}

Device parse_device(const std::string& text) {
  if (text == "cpu") return kCpuDevice;
  const CudaStatus status = cuda_status();
  if (text == "auto") {
    return status.count > 0 ? Device{Device::Kind::kCuda, 0} : kCpuDevice;
  }
  int index = 0;
  bool good = text == "cuda";
  if (text.starts_with("cuda:")) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + 5, end, index);
    good = parsed.ec == std::errc{} && parsed.ptr == end && index >= 0;
  }
  if (!good) {
    throw Error(ErrorKind::kUsage, "unknown device")
        .expected("auto, cpu, cuda or cuda:N")
        .got(text);
  }
  if (index >= status.count) {
    throw Error(ErrorKind::kDevice, "device " + text + " is not available")
        .got(status.count == 0 ? status.reason : std::to_string(status.count) + " CUDA device(s)")
        .hint("use --device cpu");
  }
  return {Device::Kind::kCuda, index};
}

}  // namespace cutaway
