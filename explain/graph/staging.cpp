#include "explain/graph/staging.h"

#include "runtime/tensor.h"

namespace cutaway::explain::graph {

void Staging::begin(const Stream& stream) {
  const Device device = device_of(stream);
  if (!(device == device_)) buffers_.clear();
  device_ = device;
  next_ = 0;
  back_.clear();
}

std::byte* Staging::scratch(std::size_t bytes) {
  if (here() || bytes == 0) return nullptr;
  if (next_ == buffers_.size()) buffers_.emplace_back();
  Buffer& buffer = buffers_[next_++];
  if (buffer.bytes() < bytes) buffer = Buffer(device_, bytes);
  return buffer.data();
}

const void* Staging::place(const void* data, std::size_t bytes) {
  if (here() || data == nullptr || bytes == 0) return data;
  std::byte* there = scratch(bytes);
  copy_bytes(there, device_, data, kCpuDevice, bytes);
  return there;
}

void* Staging::place_back(void* data, std::size_t bytes, bool filled) {
  if (here() || data == nullptr || bytes == 0) return data;
  std::byte* there = scratch(bytes);
  if (filled) copy_bytes(there, device_, data, kCpuDevice, bytes);
  back_.push_back({data, there, bytes});
  return there;
}

void* Staging::place_kept(void* data, std::size_t bytes) {
  return here() || data == nullptr ? data : scratch(bytes);
}

void Staging::finish(const Stream& stream) {
  synchronize(stream);
  for (const Back& b : back_) copy_bytes(b.to, kCpuDevice, b.from, device_, b.bytes);
  back_.clear();
}

}  // namespace cutaway::explain::graph
