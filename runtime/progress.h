#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/observer.h"

namespace cutaway {

/// Counts the steps of one task and tells an observer at its beginning and after each.
class Progress {
 public:
  /// `total` 0: unknown. `already`: steps that were done before, in a run that is resumed.
  Progress(Observer& observer, std::string task, std::int64_t total, std::int64_t already = 0)
      : observer_(observer), task_(std::move(task)), total_(total), done_(already) {
    add(0);
  }

  /// `note`: see Observer::note().
  void add(std::int64_t done = 1, std::string_view note = {}) {
    done_ += done;
    if (!note.empty()) observer_.note(task_, note);
    observer_.progress(task_, static_cast<double>(done_), static_cast<double>(total_));
  }

 private:
  Observer& observer_;
  std::string task_;
  std::int64_t total_, done_;
};

}  // namespace cutaway
