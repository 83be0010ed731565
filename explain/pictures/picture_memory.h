#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

namespace cutaway::explain {

/// The memory that pictures take while they are decoded and shrunk to what a net sees, all threads
/// together: a file of a few kilobytes can claim a gigabyte of pixels. Whoever decodes claims what
/// it will need first, and waits while others hold too much of the whole. A claim that is larger
/// than the whole is refused, whatever the number of threads, so that the same pictures fail on any
/// machine.
class PictureMemory {
 public:
  /// Enough for 178 million pixels at once: twice what a camera of 80 megapixels gives.
  static constexpr std::int64_t kWhole = std::int64_t{512} << 20U;

  explicit PictureMemory(std::int64_t whole = kWhole) : whole_(whole) {}
  PictureMemory(const PictureMemory&) = delete;
  PictureMemory& operator=(const PictureMemory&) = delete;

  /// A part of the whole, given back where it ends.
  class Claim {
   public:
    Claim() = default;
    ~Claim() { release(); }
    Claim(Claim&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Claim& operator=(Claim&& other) noexcept {
      release();
      memory_ = std::exchange(other.memory_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
      return *this;
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    [[nodiscard]] std::int64_t bytes() const noexcept { return bytes_; }

   private:
    friend class PictureMemory;
    Claim(PictureMemory* memory, std::int64_t bytes) : memory_(memory), bytes_(bytes) {}
    void release() noexcept;

    PictureMemory* memory_{};
    std::int64_t bytes_{0};
  };

  /// Waits until `bytes` of the whole are free. A thread must not hold one claim while it waits for
  /// another. Throws kMemory when there are not as many in all.
  [[nodiscard]] Claim take(std::int64_t bytes);
  [[nodiscard]] bool holds(std::int64_t bytes) const noexcept { return bytes <= whole_; }
  /// The most that was claimed at one time.
  [[nodiscard]] std::int64_t peak() const;

  /// Makes the whole less; what is claimed already stays.
  void narrow(std::int64_t whole);
  /// That of this process, which reading takes from unless it is given another.
  [[nodiscard]] static PictureMemory& of_process();

 private:
  std::atomic<std::int64_t> whole_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::int64_t taken_{0}, peak_{0};
};

}  // namespace cutaway::explain
