#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "explain/training/data/labelled.h"
#include "runtime/observer.h"

namespace cutaway::training {

/// What reading every picture once tells.
struct Survey {
  struct Unreadable {
    std::int64_t picture;
    std::string why;
  };
  std::vector<Unreadable> unreadable;  ///< in the order of the set
  /// Of the pixels of all others, by channel, in 0..255.
  std::array<double, 3> mean{}, std{};
  bool grey{true};  ///< every pixel of every picture is grey
  /// (width, height) and the first picture of that size.
  std::map<std::pair<int, int>, std::int64_t> sizes;
  /// 16 hexadecimal digits: of names, labels, splits and pixels, in order.
  std::string digest;
};

/// Reads and decodes all pictures; the same for any number of threads. Progress is "check".
[[nodiscard]] Survey survey(const LabelledSet& set, int threads, Observer& observer);

/// Takes those pictures out of the set.
void leave_out(LabelledSet& set, const std::vector<Survey::Unreadable>& pictures);

}  // namespace cutaway::training
