#pragma once

#include <cstdint>
#include <string>

namespace cutaway {

/// A place where tensors live and kernels run.
struct Device {
  enum class Kind : std::uint8_t { kCpu, kCuda };
  Kind kind{Kind::kCpu};
  int index{0};

  friend constexpr bool operator==(const Device&, const Device&) = default;
};

inline constexpr Device kCpuDevice{};

/// "cpu" or "cuda:0".
[[nodiscard]] std::string to_string(Device device);

/// Parses "cpu", "cuda", "cuda:N" or "auto" (CUDA if there is one, otherwise the CPU).
/// Throws kUsage on other text and kDevice, with the reason, when that device is not there.
[[nodiscard]] Device parse_device(const std::string& text);

/// What is known about CUDA here. Never throws; `count` is 0 whenever anything goes wrong and
/// `reason` then says what ("driver missing: cudaErrorInsufficientDriver (35)").
struct CudaStatus {
  int count{0};
  std::string reason;
};
[[nodiscard]] CudaStatus cuda_status() noexcept;

}  // namespace cutaway
