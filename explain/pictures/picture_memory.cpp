#include "explain/pictures/picture_memory.h"

#include <algorithm>
#include <string>

#include "runtime/error.h"

namespace cutaway::explain {

void PictureMemory::Claim::release() noexcept {
  if (memory_ == nullptr) return;
  {
    const std::lock_guard lock(memory_->mutex_);
    memory_->taken_ -= bytes_;
  }
  memory_->freed_.notify_all();
  memory_ = nullptr;
}

PictureMemory::Claim PictureMemory::take(std::int64_t bytes) {
  if (!holds(bytes)) {
    constexpr std::int64_t kMebibyte = std::int64_t{1} << 20U;
    throw Error(ErrorKind::kMemory, "the picture is too large")
        .expected("at most " + std::to_string(whole_ / kMebibyte) + " MiB to decode it")
        .got(std::to_string(bytes / kMebibyte) + " MiB")
        .hint("shrink the picture first");
  }
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [&] { return taken_ + bytes <= whole_; });
  taken_ += bytes;
  peak_ = std::max(peak_, taken_);
  return {this, bytes};
}

void PictureMemory::narrow(std::int64_t whole) {
  if (whole > 0) whole_ = std::min<std::int64_t>(whole_, whole);
}

std::int64_t PictureMemory::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

PictureMemory& PictureMemory::of_process() {
  static PictureMemory memory;
  return memory;
}

}  // namespace cutaway::explain
