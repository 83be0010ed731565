#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "explain/report/named_values.h"

namespace cutaway::explain {

/// Watches a long run: time an image and resident memory, block by block. Holds at most 128 blocks;
/// a longer run has longer blocks.
class Gauge {
 public:
  explicit Gauge(std::int64_t block = 500) : block_(block) {}
  /// `done` images more are finished.
  void add(std::int64_t done);
  /// images_a_block, ms_an_image, cpu_ms_an_image and memory_mib of every block, and memory_growth:
  /// the last block's memory over the first's, minus 1. Empty before the first block is full.
  [[nodiscard]] NamedValues fields() const;

  struct Block {
    double milliseconds;  ///< an image, by the clock
    double cpu;           ///< and of processor time, all threads together
    double mebibytes;     ///< resident at its end
  };
  [[nodiscard]] const std::vector<Block>& blocks() const noexcept { return blocks_; }

 private:
  static double processor_milliseconds();
  using Clock = std::chrono::steady_clock;
  std::int64_t block_, in_block_{0};
  Clock::time_point start_{Clock::now()};
  double cpu_start_{processor_milliseconds()};
  std::vector<Block> blocks_;
};

/// Resident memory of this process in MiB; 0 where the system does not tell.
[[nodiscard]] double resident_mebibytes();

}  // namespace cutaway::explain
