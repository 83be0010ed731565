#include "runtime/observer.h"

namespace cutaway {

void Observer::info(std::string_view /*message*/) {}

void Observer::warn(std::string_view /*message*/) {}

void Observer::progress(std::string_view /*task*/, double /*done*/, double /*total*/) {}

void Observer::debug(std::string_view /*message*/) {}

void Observer::note(std::string_view /*task*/, std::string_view /*text*/) {}

bool Observer::cancelled() const noexcept { return false; }

Observer& silent_observer() noexcept {
  static Observer silent;  // has no state, so that all may share it
  return silent;
}

void throw_if_cancelled(const Observer& observer) {
  if (observer.cancelled()) throw Cancelled();
}

}  // namespace cutaway
