#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cutaway::tools {

/// Progress on stderr: a bar that redraws itself on a terminal, otherwise a plain line every ten
/// seconds; nothing when quiet. Shows count, rate and time left.
class Progress {
 public:
  /// total 0: unknown.
  Progress(std::string what, std::int64_t total, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `note` stands behind the numbers ("loss 0.123").
  void add(std::int64_t done = 1, const std::string& note = {});

 private:
  void draw(const std::string& note, bool last);

  using Clock = std::chrono::steady_clock;
  std::string what_;
  std::int64_t total_, done_{0};
  bool quiet_, terminal_;
  Clock::time_point start_, drawn_;
};

}  // namespace cutaway::tools
