#include "tools/program/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace cutaway::tools {

Progress::Progress(std::string what, std::int64_t total, bool quiet)
    : what_(std::move(what)),
      total_(total),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_(Clock::now()),
      drawn_(start_) {}

Progress::~Progress() {
  if (!quiet_ && terminal_ && done_ > 0) std::fputs("\n", stderr);
}

void Progress::add(std::int64_t done, const std::string& note) {
  done_ += done;
  if (quiet_) return;
  const auto now = Clock::now();
  const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(10000);
  const bool last = total_ > 0 && done_ >= total_;
  if (now - drawn_ < pause && !last) return;
  // A job shorter than the pause needs no line of its own in a log.
  if (!terminal_ && last && now - start_ < std::chrono::seconds(2)) return;
  drawn_ = now;
  draw(note, last);
}

void Progress::draw(const std::string& note, bool last) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_) / seconds : 0.0;
  if (total_ <= 0) {
    std::fprintf(stderr, terminal_ ? "\r%s: %lld, %.1f/s\033[K" : "%s: %lld, %.1f/s\n",
                 what_.c_str(), static_cast<long long>(done_), rate);
    return;
  }
  const double left = rate > 0 ? static_cast<double>(total_ - done_) / rate : 0.0;
  const double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
  char tail[96];
  if (last) {
    std::snprintf(tail, sizeof tail, "%.1f/s, took %.1f s", rate, seconds);
  } else {
    std::snprintf(tail, sizeof tail, "%.1f/s, %.0f s left", rate, left);
  }
  const long long at = static_cast<long long>(done_);
  const long long all = static_cast<long long>(total_);
  if (!terminal_) {
    std::fprintf(stderr, "%s: %lld of %lld (%.0f %%), %s%s%s\n", what_.c_str(), at, all,
                 100 * share, tail, note.empty() ? "" : ", ", note.c_str());
    return;
  }
  constexpr int kWidth = 28;
  std::string bar(kWidth, '.');
  std::fill_n(bar.begin(), static_cast<int>(share * kWidth), '#');
  std::fprintf(stderr, "\r%s [%s] %lld/%lld  %s%s%s\033[K", what_.c_str(), bar.c_str(), at, all,
               tail, note.empty() ? "" : "  ", note.c_str());
  std::fflush(stderr);
}

}  // namespace cutaway::tools
