#include "explain/runs/estimate.h"

#include <cstdio>

namespace cutaway::explain {

std::string duration_text(double seconds) {
  char text[48];
  if (seconds < 90) {
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  } else if (seconds < 5400) {
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  } else {
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  }
  return text;
}

void Estimate::tell(double seconds, std::int64_t left, const std::string& basis) {
  if (told_ || left <= 0 || !(seconds >= kLongRun)) return;
  told_ = true;
  observer_->info("estimated time: about " + duration_text(seconds) + " for " +
                  std::to_string(left) + " " + items_ + ", measured on " + basis);
}

}  // namespace cutaway::explain
