#pragma once

#include <cstddef>

#include "runtime/device.h"

/// The few CUDA calls that runtime/ needs, without CUDA's headers.
namespace cutaway::cuda {

/// Null when the device has no room; throws kDevice on any other failure.
[[nodiscard]] std::byte* allocate(int index, std::size_t bytes);
void release(int index, std::byte* data) noexcept;
/// Copies between any two devices: after all that is queued on either, and done on return.
void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
[[nodiscard]] CudaStatus status() noexcept;

}  // namespace cutaway::cuda
