#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <thread>
#include <vector>

namespace cutaway::weights {

/// Fills bands of weights on a thread of its own, one ahead of whoever takes them: reading and
/// transposing takes as long as summing and writing does. Where the system has no thread to give,
/// each is filled when it is taken.
class BandsAhead {
 public:
  struct Job {
    std::size_t floats{0};
    std::function<void(std::span<float>)> fill;
  };
  /// What the jobs refer to must outlive this.
  explicit BandsAhead(std::vector<Job> jobs);
  /// Does not wait for bands that nobody will take.
  ~BandsAhead();
  BandsAhead(const BandsAhead&) = delete;
  BandsAhead& operator=(const BandsAhead&) = delete;

  /// The band of the next job, from a cache line on, until it is released. Throws what its job
  /// threw.
  [[nodiscard]] std::span<const float> next();
  void release();

 private:
  void run();
  void fill(std::size_t job);

  // Not a Buffer, which asks for huge pages: the small ones that were freed last are at hand.
  static constexpr std::align_val_t kLine{64};
  struct Delete {
    void operator()(float* values) const { ::operator delete[](values, kLine); }
  };
  using Values = std::unique_ptr<float[], Delete>;
  struct Slot {
    Values values;
    std::size_t size{0};
  };
  const std::vector<Job> jobs_;
  std::array<Slot, 2> slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t filled_{0}, released_{0};  // of jobs_
  bool stopped_{false};
  std::exception_ptr failure_;
  std::thread thread_;  // uses all of the above
};

}  // namespace cutaway::weights
