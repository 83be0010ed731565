#pragma once

#include <cstddef>
#include <string>

#include "runtime/device.h"

namespace cutaway {

/// Owns raw bytes on a device, aligned to 256 bytes (2 MiB for large CPU buffers, so that the
/// kernel can back them with huge pages). Contents are undefined until written.
class Buffer {
 public:
  Buffer() = default;
  /// Throws kMemory, naming the size, when the device does not have it.
  Buffer(Device device, std::size_t bytes);
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] Device device() const noexcept { return device_; }

 private:
  void release() noexcept;

  std::byte* data_{};
  std::size_t bytes_{0};
  Device device_{};
};

/// "12.3 MiB".
[[nodiscard]] std::string format_bytes(std::size_t bytes);

}  // namespace cutaway
