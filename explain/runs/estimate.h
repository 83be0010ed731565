#pragma once

#include <cstdint>
#include <string>

#include "runtime/observer.h"

namespace cutaway::explain {

/// Runs shorter than this are over before anyone wonders how long they take, seconds.
inline constexpr double kLongRun = 30;

/// "40 s", "12 min", "3.5 h".
[[nodiscard]] std::string duration_text(double seconds);

/// Tells the observer, once, how long a long run will take: "estimated time: about 12 min for 500
/// pictures, measured on the first 4". Says nothing of a short one.
class Estimate {
 public:
  /// `items`: what is counted, "pictures".
  Estimate(Observer& observer, std::string items)
      : observer_(&observer), items_(std::move(items)) {}

  /// `left` items will take `seconds` in all, judged by `basis`: "the first 4", "one forward pass".
  void tell(double seconds, std::int64_t left, const std::string& basis);
  [[nodiscard]] bool told() const noexcept { return told_; }

 private:
  Observer* observer_;
  std::string items_;
  bool told_{false};
};

}  // namespace cutaway::explain
