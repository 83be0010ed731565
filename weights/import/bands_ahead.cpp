#include "weights/import/bands_ahead.h"

#include <system_error>
#include <utility>

#include "runtime/error.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace cutaway::weights {
namespace {

// Gets the pages in one call, which takes two thirds of the time that a fault for each does.
void touch([[maybe_unused]] std::span<float> values) {
#if defined(MADV_POPULATE_WRITE)
  constexpr std::uintptr_t kPage = 4096;
  const auto begin = (reinterpret_cast<std::uintptr_t>(values.data()) + kPage - 1) / kPage * kPage;
  const auto end = reinterpret_cast<std::uintptr_t>(values.data() + values.size()) / kPage * kPage;
  // A system that cannot leaves it to the faults.
  if (begin < end)
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE);
#endif
}

}  // namespace

BandsAhead::BandsAhead(std::vector<Job> jobs) : jobs_(std::move(jobs)) {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    (void)0;  // the system has no thread to give: next() fills each band itself
  }
}

BandsAhead::~BandsAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BandsAhead::fill(std::size_t job) {
  Slot& slot = slots_[job % slots_.size()];  // nobody else's until it is filled
  const std::size_t floats = jobs_[job].floats;
  if (slot.size < floats) {
    slot = {};  // first: two at a time are more memory
    slot = {Values(new (kLine) float[floats]), floats};
    touch({slot.values.get(), floats});
  }
  jobs_[job].fill({slot.values.get(), floats});
}

void BandsAhead::run() {
  try {
    for (std::size_t job = 0; job < jobs_.size() + slots_.size(); ++job) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopped_ || job < released_ + slots_.size(); });
        if (stopped_) return;
      }
      if (job >= jobs_.size()) {  // nobody's ever again: freed here, where nobody waits
        slots_[job % slots_.size()] = {};
        continue;
      }
      fill(job);
      const std::lock_guard lock(mutex_);
      ++filled_;
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

std::span<const float> BandsAhead::next() {
  std::unique_lock lock(mutex_);
  check(released_ < jobs_.size(), "more bands than there are jobs");
  if (!thread_.joinable() && filled_ == released_) {
    fill(released_);
    ++filled_;
  }
  changed_.wait(lock, [&] { return failure_ || filled_ > released_; });
  if (filled_ == released_) std::rethrow_exception(failure_);
  return {slots_[released_ % slots_.size()].values.get(), jobs_[released_].floats};
}

void BandsAhead::release() {
  const std::lock_guard lock(mutex_);
  ++released_;
  changed_.notify_all();
}

}  // namespace cutaway::weights
